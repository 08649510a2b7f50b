//! Keeps an operator's word for a plane that has no keeper to keep it.
//!
//! Only where no keeper is at work: one that is writes both files itself, as it hears.

use std::io;
use std::path::Path;

use crate::os::process;
use crate::plane::{PlaneName, Supervisor};
use crate::rundir::{self, PlaneDir, Wanted};

/// Has the plane stay down, as said later than whatever is written: one of both places may be left with that.
pub(super) fn down(supervisor: &Supervisor, plane: &PlaneName) -> io::Result<()> {
    let boot = process::boot_id()?;
    let places = [rundir::want(&supervisor.run_dir, plane), PlaneDir::new(supervisor, plane).want()];
    let texts = places.each_ref().map(|place| std::fs::read_to_string(place).unwrap_or_default());
    let before = rundir::last_wanted(texts.iter().map(String::as_str), &boot).map(|wanted| wanted.at.saturating_add(1));
    let now = u64::try_from(process::since_boot().as_nanos()).unwrap_or(u64::MAX);
    let text = rundir::want_text(Wanted { word: "down", at: now.max(before.unwrap_or_default()) }, &boot);
    match places.each_ref().map(|place| replace(place, &text)) {
        [Err(error), Err(_)] => Err(error),
        [first, second] => {
            for error in [first, second].into_iter().filter_map(Result::err) {
                tracing::warn!(%error, %plane, "what the operator wants is kept in one of its two places");
            }
            Ok(())
        }
    }
}

fn replace(place: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = place.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let beside = place.with_extension("new");
    std::fs::write(&beside, text)?;
    std::fs::rename(&beside, place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::testing;

    #[test]
    fn a_stop_is_said_later_than_what_is_written_and_in_both_places() {
        let folder = tempfile::tempdir().expect("a folder");
        let (plane, mut supervisor) = testing::plane("main", 21_000);
        (supervisor.run_dir, supervisor.state_dir) = (folder.path().join("run"), folder.path().join("state"));
        let boot = process::boot_id().expect("an id");
        let places = [rundir::want(&supervisor.run_dir, &plane.name), PlaneDir::new(&supervisor, &plane.name).want()];
        replace(&places[0], &rundir::want_text(Wanted { word: "up", at: u64::MAX - 7 }, &boot)).expect("written");
        down(&supervisor, &plane.name).expect("written");
        for place in &places {
            let text = std::fs::read_to_string(place).expect("read");
            assert_eq!(rundir::wanted(&text, &boot), Some(Wanted { word: "down", at: u64::MAX - 6 }), "{text}");
        }
        // A file where a folder should be: nothing can be written below it.
        for place in &places {
            let folder = place.parent().expect("a folder");
            std::fs::remove_dir_all(folder).expect("removed");
            std::fs::write(folder, "").expect("in the way");
        }
        down(&supervisor, &plane.name).expect_err("no place is left");
    }
}
