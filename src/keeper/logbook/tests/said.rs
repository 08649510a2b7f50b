//! What is said is what is written: floods, long lines, bytes that are no text, two streams, last words.

use std::time::UNIX_EPOCH;

use super::*;

#[test]
fn both_streams_and_an_unfinished_line_are_kept() {
    let place = Place::new(endless());
    keeper(async || {
        let child = speak(&place.book, "echo one; echo two >&2; printf 'last words'");
        heard_out(&place.book, child).await;
        let mut lines: Vec<_> = place.book.tail().lines().map(str::to_owned).collect();
        lines.sort();
        assert_eq!(lines, ["last words", "one", "two"]);
    });
    assert_eq!(place.book.close(BUDGET), Closed::Flushed);
    let text = place.text();
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["last words", "one", "two"]);
    assert_eq!(place.book.lost(), Lost::NONE);
    assert_eq!(place.book.trouble(), None);
}

#[test]
fn a_flood_loses_no_line_through_rotation() {
    let place = Place::new(rotated(16 << 20));
    place.hear("seq 1 24000000");
    assert_same(output(&place, "seq 1 24000000"), place.all());
    assert_eq!(place.book.lost(), Lost::NONE);
    let sizes = place.sizes();
    assert_eq!(sizes.len(), 13);
    assert!(sizes[1..].iter().all(|size| (16 << 20) - 9 < *size && *size <= 16 << 20), "{sizes:?}");
}

#[test]
fn each_line_is_stamped_with_a_time_that_never_goes_back() {
    let place = Place::new(LogRules { stamp: true, ..rotated(1 << 20) });
    let seconds = || UNIX_EPOCH.elapsed().expect("a clock").as_secs().cast_signed();
    let before = seconds();
    place.hear("seq 1 300000; echo; printf end");
    let after = seconds();
    let text = place.text();
    let mut last = "";
    let mut lines = text.lines();
    for number in 1..=300_000 {
        let (stamp, line) = lines.next().expect("a line").split_at(25);
        assert_eq!(line, number.to_string());
        assert!(last <= stamp, "{stamp} after {last}");
        last = stamp;
    }
    let time: jiff::Timestamp = last.trim_end().parse().expect("a time");
    assert!(last.ends_with("Z ") && (before..=after).contains(&time.as_second()), "{last}");
    let rest: Vec<_> = lines.map(|line| line.split_at(25).1).collect();
    assert_eq!(rest, ["", "end"]);
}

#[test]
fn bytes_that_are_no_text_pass_unchanged() {
    let place = Place::new(rotated(300_000));
    let sample = place.folder.path().join("sample");
    let mut bytes = Vec::new();
    let mut random = fastrand::Rng::with_seed(7);
    bytes.resize_with(2_000_000, || random.u8(..));
    bytes.extend_from_slice(b"\0\0\n");
    std::fs::write(&sample, &bytes).expect("a sample");
    place.hear(&format!("cat {}", sample.display()));
    assert_same(bytes.as_slice(), place.all());
}

#[test]
fn a_line_of_ten_megabytes_stays_one_line() {
    for stamp in [false, true] {
        let place = Place::new(LogRules { stamp, ..rotated(1 << 20) });
        place.hear("echo before; head -c 10000000 /dev/zero | tr '\\0' x; echo; echo after");
        let lines: Vec<_> = place.text().lines().map(|line| line.len() - if stamp { 25 } else { 0 }).collect();
        assert_eq!(lines, [6, 10_000_000, 5]);
        assert_eq!(place.sizes().len(), 2, "the next line begins another file");
    }
}

#[test]
fn a_line_without_end_is_broken_and_does_not_fill_the_disk() {
    let place = Place::new(LogRules { keep: 1, ..rotated(1 << 20) });
    place.hear("head -c 60000000 /dev/zero | tr '\\0' x");
    let sizes = place.sizes();
    assert_eq!(sizes.len(), 2);
    assert!(sizes.iter().all(|size| *size < 18 << 20), "{sizes:?}");
    let whole = Place::new(rotated(1 << 20));
    whole.hear("head -c 60000000 /dev/zero | tr '\\0' x");
    let text = whole.text();
    assert_eq!(text.bytes().filter(|byte| *byte == b'x').count(), 60_000_000);
    assert_eq!(text.lines().count(), 4);
}

#[test]
fn lines_of_two_streams_never_mix() {
    let place = Place::new(rotated(1 << 20));
    place.hear("seq 1 200000 & seq -f e%.0f 1 200000 >&2; wait");
    let text = place.text();
    let (err, out): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with('e'));
    assert!(out.into_iter().eq((1..=200_000).map(|number| number.to_string())));
    assert!(err.into_iter().eq((1..=200_000).map(|number| format!("e{number}"))));
}

#[test]
fn a_long_line_makes_the_other_stream_wait_for_its_end() {
    let place = Place::new(endless());
    place.hear(
        "head -c 1000000 /dev/zero | tr '\\0' x; seq 1 20000 >&2; head -c 1000000 /dev/zero | tr '\\0' x; echo; echo end",
    );
    let text = place.text();
    let (long, short): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with('x'));
    assert_eq!(long.iter().map(|line| line.len()).collect::<Vec<_>>(), [2_000_000]);
    let (end, numbers): (Vec<_>, Vec<_>) = short.into_iter().partition(|line| *line == "end");
    assert_eq!(end.len(), 1);
    assert!(numbers.into_iter().eq((1..=20_000).map(|number| number.to_string())));
}

#[test]
fn a_long_line_is_broken_when_too_much_waits_for_it() {
    let place = Place::new(endless());
    place.hear("head -c 1000000 /dev/zero | tr '\\0' x; seq 1 300000 >&2; printf xx; seq 1 9 >&2");
    let text = place.text();
    let (long, numbers): (Vec<_>, Vec<_>) = text.lines().partition(|line| line.starts_with('x'));
    assert_eq!(long.iter().map(|line| line.len()).sum::<usize>(), 1_000_002);
    assert!(numbers.into_iter().eq((1..=300_000).chain(1..=9).map(|number| number.to_string())));
}

#[test]
fn a_note_is_marked_and_follows_what_was_said_before() {
    let place = Place::new(endless());
    keeper(async || {
        let child = speak(&place.book, "echo said");
        ended(&place.book, child).await;
    });
    place.book.note("gateway ended with code 78\nby itself");
    assert_eq!(place.book.close(BUDGET), Closed::Flushed);
    assert_eq!(place.text(), "said\ngateward: gateway ended with code 78\ngateward: by itself\n");
}

#[test]
fn a_line_that_pauses_is_written_as_far_as_it_has_come_and_stays_one_line() {
    let place = Place::new(LogRules { stamp: true, ..endless() });
    let gate = Gate::new(&place, "gate");
    keeper(async || {
        let child = speak(&place.book, &format!("echo one; printf 'go on? '; {}; echo yes; echo two", gate.wait()));
        let log = place.file(0);
        let shown = || std::fs::read_to_string(&log).is_ok_and(|text| text.ends_with("Z go on? "));
        eventually("the question", shown).await;
        gate.open();
        heard_out(&place.book, child).await;
    });
    assert_eq!(place.book.close(BUDGET), Closed::Flushed);
    let text = place.text();
    let lines: Vec<_> = text.lines().map(|line| line.split_at(25).1).collect();
    assert_eq!(lines, ["one", "go on? yes", "two"]);
}

#[test]
fn a_line_that_pauses_ends_where_the_other_stream_speaks() {
    let place = Place::new(endless());
    let (first, second) = (Gate::new(&place, "first"), Gate::new(&place, "second"));
    keeper(async || {
        let (wait, wait_again) = (first.wait(), second.wait());
        let script = format!("printf 'go on? '; {wait}; echo no >&2; {wait_again}; printf yes; echo; echo; echo two");
        let child = speak(&place.book, &script);
        let log = place.file(0);
        let has = |expected: &str| std::fs::read_to_string(&log).is_ok_and(|text| text == expected);
        eventually("the question", || has("go on? ")).await;
        first.open();
        eventually("the other stream's word", || has("go on? \nno\n")).await;
        second.open();
        heard_out(&place.book, child).await;
    });
    assert_eq!(place.book.close(BUDGET), Closed::Flushed);
    assert_eq!(place.text(), "go on? \nno\nyes\n\ntwo\n");
}

#[test]
fn last_words_without_an_end_come_before_what_is_noted_of_the_end() {
    let place = Place::new(LogRules { stamp: true, ..endless() });
    let gate = Gate::new(&place, "gate");
    keeper(async || {
        let child = speak(&place.book, &format!("({}; printf left) & printf 'last words'", gate.wait()));
        assert_eq!(ended(&place.book, child).await, Heard::SoFar);
        place.book.note("gateway ended");
        gate.open();
        eventually("the end of the one that was left", || place.book.drain() == Heard::All).await;
    });
    assert_eq!(place.book.close(BUDGET), Closed::Flushed);
    let text = place.text();
    let (stamps, lines): (Vec<_>, Vec<_>) = text.lines().map(|line| line.split_at(25)).unzip();
    assert_eq!(lines, ["last words", "gateward: gateway ended", "left"]);
    assert!(stamps.is_sorted(), "{text}");
}

/// What a script waits at until the test lets it go on.
struct Gate(PathBuf);

impl Gate {
    fn new(place: &Place, name: &str) -> Self {
        let path = place.folder.path().join(name);
        assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo").success());
        Self(path)
    }

    /// The words of a script that wait.
    fn wait(&self) -> String {
        format!("read _ < {}", self.0.display())
    }

    fn open(&self) {
        std::fs::write(&self.0, "\n").expect("whoever waits");
    }
}

#[test]
fn each_incarnation_has_its_own_last_words() {
    let place = Place::new(endless());
    keeper(async || {
        for word in ["first", "second"] {
            let child = speak(&place.book, &format!("printf {word}"));
            ended(&place.book, child).await;
            assert_eq!(place.book.tail(), word);
        }
    });
    assert_eq!(place.book.close(BUDGET), Closed::Flushed);
    assert_eq!(place.text(), "first\nsecond\n");
}

#[test]
fn a_descendant_that_keeps_the_pipe_is_known_and_cut_off() {
    let place = Place::new(endless());
    let mut left = keeper(async || {
        // The straggler tells its end by closing the pipe that it has as its third descriptor.
        let (told, tell) = std::io::pipe().expect("a pipe");
        let (stdout, stderr) = place.book.attach().expect("pipes");
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "(while echo still here; do sleep 0.01; done) & echo bye"]);
        let child = command.stdin(tell).stdout(stdout).stderr(stderr).spawn().expect("a shell");
        drop(command);
        assert_eq!(ended(&place.book, child).await, Heard::SoFar);
        drop(place.book.attach().expect("the next one's pipes"));
        told
    });
    // Its next word finds the pipe broken, and it ends.
    assert_eq!(left.read(&mut [0]).expect("its end"), 0);
    assert_eq!(place.book.close(BUDGET), Closed::Flushed);
    assert!(place.text().lines().any(|line| line == "bye"));
}

#[test]
fn a_flood_leaves_the_keeper_time_for_others() {
    let place = Place::new(rotated(1 << 20));
    keeper(async || {
        let mut child = speak(&place.book, "exec yes 'a line that is said for as long as anybody listens'");
        let mut others = tokio::time::interval(Duration::from_millis(1));
        for _ in 0..20 {
            others.tick().await;
        }
        assert!(child.try_wait().expect("a look").is_none(), "it still speaks");
        child.kill().expect("ended");
        child.wait().expect("reaped");
        place.book.drain();
    });
    assert_eq!(place.book.close(BUDGET), Closed::Flushed);
    assert!(place.text().lines().rev().skip(1).all(|line| line.ends_with("anybody listens")));
    assert_eq!(place.book.lost(), Lost::NONE);
}
