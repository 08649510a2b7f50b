//! Faults of the disk: the gateway goes on, what is lost is counted, and the gap is said when writing works again.

use std::os::unix::fs::symlink;
use std::sync::mpsc;

use super::*;

/// The lines that the log itself says are lost.
fn said_lost(text: &str) -> u64 {
    let gaps = text.lines().filter_map(|line| line.strip_prefix("gateward: ")?.split_once(" line"));
    gaps.map(|(count, _)| count.parse::<u64>().expect("a number")).sum()
}

/// Lines of the gateway.
fn kept(text: &str) -> u64 {
    text.lines().filter(|line| !line.starts_with("gateward: ")).count() as u64
}

#[test]
fn a_disk_that_takes_nothing_loses_counted_lines_only() {
    let place = Place::new(endless());
    std::fs::create_dir(place.logs()).expect("a folder");
    symlink("/dev/full", place.file(0)).expect("a link");
    keeper(async || {
        let child = speak(&place.book, "seq 1 1000");
        ended(&place.book, child).await;
        eventually("all is lost", || place.book.lost() == Lost { lines: 1000, bytes: 3893 }).await;
        let trouble = place.book.trouble().expect("trouble");
        assert!(
            trouble.ends_with("gateway.log: the log cannot be written: No space left on device (os error 28)"),
            "{trouble}"
        );
        std::fs::remove_file(place.file(0)).expect("mended");
        let child = speak(&place.book, "echo again");
        ended(&place.book, child).await;
    });
    assert_eq!(place.book.close(BUDGET), Closed::Flushed);
    assert_eq!(
        place.text(),
        "gateward: 1000 lines (3893 bytes) lost: the log cannot be written: No space left on device (os error 28)\nagain\n"
    );
    assert_eq!(place.book.trouble(), None);
}

#[test]
fn a_long_line_that_does_not_fit_is_lost_as_a_whole() {
    let place = Place::new(LogRules { stamp: true, ..endless() });
    std::fs::create_dir(place.logs()).expect("a folder");
    symlink("/dev/full", place.file(0)).expect("a link");
    place.hear("echo before; head -c 2000000 /dev/zero | tr '\\0' x; echo; echo after");
    assert_eq!(place.book.lost(), Lost { lines: 3, bytes: 2_000_014 });
}

#[test]
fn a_folder_that_cannot_be_made_is_made_later() {
    let place = Place::new(endless());
    std::fs::write(place.logs(), "in the way").expect("a file");
    keeper(async || {
        let child = speak(&place.book, "echo lost");
        ended(&place.book, child).await;
        eventually("it is lost", || place.book.lost() == Lost { lines: 1, bytes: 5 }).await;
        std::fs::remove_file(place.logs()).expect("out of the way");
        let child = speak(&place.book, "echo kept");
        ended(&place.book, child).await;
    });
    assert_eq!(place.book.close(BUDGET), Closed::Flushed);
    let text = place.text();
    assert!(
        text.starts_with("gateward: 1 line (5 bytes) lost: the log cannot be opened: ") && text.ends_with("\nkept\n"),
        "{text}"
    );
}

#[test]
fn a_file_or_folder_that_is_removed_is_made_again() {
    let place = Place::new(endless());
    keeper(async || {
        for removed in [place.file(0), place.logs()] {
            let child = speak(&place.book, "echo before");
            ended(&place.book, child).await;
            // The file may be there from the round before: the line itself tells.
            eventually("it is written", || std::fs::read(place.file(0)).is_ok_and(|text| text.ends_with(b"before\n")))
                .await;
            if removed.is_dir() {
                std::fs::remove_dir_all(&removed).expect("removed");
            } else {
                std::fs::remove_file(&removed).expect("removed");
            }
            let child = speak(&place.book, "echo after");
            ended(&place.book, child).await;
            eventually("it is written", || std::fs::read(place.file(0)).is_ok_and(|text| text == b"after\n")).await;
        }
    });
    assert_eq!(place.book.close(BUDGET), Closed::Flushed);
    assert_eq!(place.book.lost(), Lost::NONE);
}

#[test]
fn a_file_that_cannot_be_rotated_grows_and_loses_nothing() {
    let place = Place::new(rotated(600));
    // A file cannot take the name of a folder.
    std::fs::create_dir_all(place.file(1)).expect("a folder in the way");
    keeper(async || {
        place.book.adopt(LogRules { keep: 1, ..rotated(600) });
        let child = speak(&place.book, "seq 100 999");
        ended(&place.book, child).await;
        eventually("it is written", || place.sizes().first() == Some(&3600)).await;
        let trouble = place.book.trouble().expect("trouble");
        assert!(trouble.contains("the full log cannot be renamed and grows: "), "{trouble}");
        std::fs::remove_dir(place.file(1)).expect("out of the way");
        let child = speak(&place.book, "seq 100 299");
        ended(&place.book, child).await;
    });
    assert_eq!(place.book.close(BUDGET), Closed::Flushed);
    assert_eq!(place.book.trouble(), None);
    assert_eq!(place.book.lost(), Lost::NONE);
    assert!(place.text().ends_with("298\n299\n"));
    assert_eq!(place.sizes().len(), 2);
}

#[test]
fn a_disk_that_hangs_holds_nobody_up() {
    let place = Place::new(endless());
    std::fs::create_dir(place.logs()).expect("a folder");
    // A pipe that nobody reads: a write to it hangs.
    assert!(Command::new("mkfifo").arg(place.file(0)).status().expect("mkfifo").success());
    let said = keeper(async || {
        let child = speak(&place.book, "seq 1 9000000");
        ended(&place.book, child).await;
        assert_eq!(place.book.lost(), Lost::NONE, "what is lost is counted when the disk is back");
        let pipe = std::fs::OpenOptions::new().read(true).write(true).open(place.file(0)).expect("the pipe");
        let (tell, told) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines() {
                let line = line.expect("a line");
                let is_last = line == "gateward: the end";
                tell.send(line).expect("a listener");
                if is_last {
                    return;
                }
            }
        });
        place.book.note("the end");
        told
    });
    let (mut kept, mut last, mut gaps) = (0_u64, 0_u64, 0);
    let mut lost = String::new();
    while let Ok(line) = said.recv_timeout(BUDGET) {
        if line == "gateward: the end" {
            break;
        }
        if line.starts_with("gateward: ") {
            gaps += 1;
            lost = line;
        } else {
            let number: u64 = line.parse().expect("a whole line");
            assert!(number > last, "{number} after {last}");
            (last, kept) = (number, kept + 1);
        }
    }
    assert_eq!(gaps, 1);
    assert!(lost.ends_with(" lost: the disk is too slow for them"), "{lost}");
    assert_eq!(place.book.close(BUDGET), Closed::Flushed);
    assert_eq!(place.book.lost().lines, said_lost(&lost));
    assert_eq!(kept + place.book.lost().lines, 9_000_000);
}

#[test]
fn a_disk_that_hangs_does_not_hold_up_the_end() {
    let place = Place::new(endless());
    std::fs::create_dir(place.logs()).expect("a folder");
    assert!(Command::new("mkfifo").arg(place.file(0)).status().expect("mkfifo").success());
    keeper(async || {
        let child = speak(&place.book, "seq 1 100000");
        ended(&place.book, child).await;
    });
    assert_eq!(place.book.close(Duration::from_millis(20)), Closed::Abandoned);
}

#[test]
fn a_limit_on_the_size_of_files_rotates_earlier() {
    let test = "keeper::logbook::tests::disk::a_limit_on_the_size_of_files_rotates_earlier";
    // 64 blocks of 512 or 1024 bytes, as the shell counts.
    if !is_apart(test, &["/bin/sh", "-c", "ulimit -f 64; exec \"$@\"", "sh"]) {
        return;
    }
    let place = Place::new(rotated(1 << 30));
    place.hear("seq 1 100000");
    assert_eq!(place.book.lost(), Lost::NONE);
    assert!(place.text().lines().eq((1..=100_000).map(|number| number.to_string())));
    assert!(place.sizes().len() > 8, "{:?}", place.sizes());
}

/// How a file system of one's own is made here, if that is permitted.
fn mounting() -> Option<&'static [&'static str]> {
    let ways: [&[&str]; 2] = [
        &["unshare", "--mount", "--propagation", "private"],
        &["unshare", "--user", "--map-root-user", "--mount", "--propagation", "private"],
    ];
    let works = |way: &&&[&str]| {
        let script = "mount -t tmpfs none /mnt";
        let mut command = Command::new(way[0]);
        command.args(&way[1..]).args(["/bin/sh", "-c", script]).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    ways.iter().find(works).copied()
}

/// As `mount` with a tmpfs on `place`'s log folder.
fn mount(place: &Place, options: &str) {
    std::fs::create_dir_all(place.logs()).expect("a folder");
    let mut command = Command::new("mount");
    command.args(["-t", "tmpfs", "-o", options, "none"]).arg(place.logs());
    assert!(command.status().expect("mount").success());
}

#[test]
fn a_full_disk_keeps_whole_lines_and_counts_the_others() {
    let test = "keeper::logbook::tests::disk::a_full_disk_keeps_whole_lines_and_counts_the_others";
    let Some(way) = mounting() else {
        eprintln!("skipped: no file system can be mounted here");
        return;
    };
    if !is_apart(test, way) {
        return;
    }
    for stamp in [false, true] {
        let place = Place::new(LogRules { max_size: 400_000, keep: 100, stamp });
        mount(&place, "size=1m");
        let ballast = place.logs().join("ballast");
        std::fs::write(&ballast, vec![0; 300_000]).expect("a ballast");
        keeper(async || {
            let child = speak(&place.book, "seq 1 500000");
            ended(&place.book, child).await;
            // A file that is renamed meanwhile is missed, and seen the next time.
            let kept =
                || (0..9).rev().map(|number| Lost::of(&std::fs::read(place.file(number)).unwrap_or_default()).lines);
            eventually("each line is kept or lost", || kept().sum::<u64>() + place.book.lost().lines >= 500_000).await;
            assert!(place.book.lost().lines > 300_000);
            std::fs::remove_file(&ballast).expect("room");
            let child = speak(&place.book, "seq 1 1000");
            ended(&place.book, child).await;
        });
        assert_eq!(place.book.close(BUDGET), Closed::Flushed);
        let text: String =
            if stamp { place.text().lines().flat_map(|line| [&line[25..], "\n"]).collect() } else { place.text() };
        let lost = place.book.lost().lines;
        assert_eq!(kept(&text) + lost, 501_000);
        assert_eq!(said_lost(&text), lost);
        assert!(text.ends_with("\n999\n1000\n"));
        let numbers = text.lines().filter(|line| !line.starts_with("gateward: "));
        let numbers: Vec<u64> = numbers.map(|line| line.parse().expect("a whole line")).collect();
        assert!(numbers.windows(2).all(|pair| pair[0] < pair[1] || pair[1] == 1), "in order");
        unmount(&place);
    }
}

/// The writer of a book that was closed may still be letting go of its file.
fn unmount(place: &Place) {
    let until = Instant::now() + BUDGET;
    while !Command::new("umount").arg(place.logs()).status().expect("umount").success() {
        assert!(Instant::now() < until, "it is still in use");
        std::thread::yield_now();
    }
}

#[test]
fn a_read_only_disk_is_tried_again() {
    let test = "keeper::logbook::tests::disk::a_read_only_disk_is_tried_again";
    let Some(way) = mounting() else {
        eprintln!("skipped: no file system can be mounted here");
        return;
    };
    if !is_apart(test, way) {
        return;
    }
    let place = Place::new(endless());
    mount(&place, "ro");
    keeper(async || {
        let child = speak(&place.book, "seq 1 1000");
        ended(&place.book, child).await;
        eventually("all is lost", || place.book.lost().lines == 1000).await;
        let trouble = place.book.trouble().expect("trouble");
        assert!(trouble.contains("Read-only file system"), "{trouble}");
        mount(&place, "remount,rw");
        let child = speak(&place.book, "echo again");
        ended(&place.book, child).await;
    });
    assert_eq!(place.book.close(BUDGET), Closed::Flushed);
    let text = place.text();
    assert!(text.starts_with("gateward: 1000 lines (3893 bytes) lost: ") && text.ends_with("\nagain\n"), "{text}");
    unmount(&place);
}
