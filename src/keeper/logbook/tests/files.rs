//! The files: their names, modes, number, and what a predecessor left.

use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn nothing_is_made_before_something_is_said() {
    let place = Place::new(endless());
    keeper(async || {
        let child = speak(&place.book, "exit 0");
        heard_out(&place.book, child).await;
        assert!(!place.logs().exists());
        let child = speak(&place.book, "echo");
        ended(&place.book, child).await;
    });
    assert_eq!(place.book.close(BUDGET), Closed::Flushed);
    let mode = |path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(place.logs()), mode(place.file(0))), (0o700, 0o600));
}

#[test]
fn only_so_many_files_are_kept() {
    let place = Place::new(LogRules { keep: 2, ..rotated(600) });
    place.hear("seq 100 1000");
    let sizes = place.sizes();
    assert_eq!(sizes, [5, 600, 600]);
    assert_eq!(files(&place), 3);
    let text = place.text();
    assert!(text.lines().eq((700..=1000).map(|number| number.to_string())), "{text}");
}

/// How many files the log has.
fn files(place: &Place) -> usize {
    let entries = std::fs::read_dir(place.logs()).expect("a folder");
    entries.filter(|entry| entry.as_ref().expect("an entry").file_name() != ".gateway.log-number").count()
}

#[test]
fn every_file_is_counted_whoever_writes_it() {
    let place = Place::new(LogRules { keep: 0, ..rotated(600) });
    place.hear("seq 100 1000");
    assert_eq!(crate::os::ordinal::read(&place.file(0)).expect("a number").number, 7);
    let next = Place { book: Logbook::open(&place.logs(), rotated(600)), folder: place.folder };
    next.hear("seq 100 299");
    assert_eq!(crate::os::ordinal::read(&next.file(0)).expect("a number").number, 8);
}

#[test]
fn no_rotated_file_is_kept_when_none_is_wanted() {
    let place = Place::new(LogRules { keep: 0, ..rotated(600) });
    place.hear("seq 100 1000");
    assert_eq!(place.sizes(), [5]);
}

#[test]
fn new_rules_hold_from_the_next_line_on() {
    let place = Place::new(rotated(600));
    keeper(async || {
        let child = speak(&place.book, "seq 100 999");
        ended(&place.book, child).await;
        place.book.adopt(LogRules { max_size: 800, keep: 1, stamp: true });
        let child = speak(&place.book, "seq 100 149");
        ended(&place.book, child).await;
    });
    assert_eq!(place.book.close(BUDGET), Closed::Flushed);
    assert_eq!(files(&place), 2, "the others are removed");
    assert!(place.sizes().iter().all(|size| *size <= 800));
    assert!(place.text().lines().all(|line| line.len() == 28));
}

#[test]
fn a_line_that_a_predecessor_left_is_ended_first() {
    let place = Place::new(endless());
    std::fs::create_dir(place.logs()).expect("a folder");
    std::fs::write(place.file(0), "begun").expect("a log");
    place.hear("echo new");
    assert_eq!(place.text(), "begun\nnew\n");
}

#[test]
fn a_log_that_is_already_full_is_rotated_first() {
    let place = Place::new(rotated(10));
    std::fs::create_dir(place.logs()).expect("a folder");
    std::fs::write(place.file(0), "0123456789\n").expect("a log");
    place.hear("echo new");
    assert_eq!(place.sizes(), [4, 11]);
}

#[test]
fn a_gap_in_the_numbers_is_closed() {
    let place = Place::new(rotated(600));
    std::fs::create_dir(place.logs()).expect("a folder");
    for number in [1, 3] {
        std::fs::write(place.file(number), format!("{number}\n")).expect("a log");
    }
    place.hear("seq 100 300");
    let content = |number| std::fs::read_to_string(place.file(number)).expect("a log");
    assert_eq!((content(2), content(3)), ("1\n".to_owned(), "3\n".to_owned()));
    assert_eq!(place.sizes().len(), 4);
}
