//! The files of one rotated log: the current one, `.1` (newest), `.2` and on.
//!
//! Opens and measures; reads no lines. Safe against a rotation that happens meanwhile.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Numbers that may be missing in a row before the rest is taken not to exist: a rotation leaves one gap as it goes.
const GAPS: u32 = 2;

/// How much is read at once while the start of the last lines is sought.
const BLOCK: u64 = 64 * 1024;

/// One opened file of a log.
#[derive(Debug)]
pub struct Piece {
    /// The file.
    pub file: File,
    /// Device and inode: what tells pieces apart while their names move on.
    pub id: (u64, u64),
}

/// All pieces, oldest first; none when there is no such log.
///
/// They are opened from the newest on, so that a rotation meanwhile can show one twice (which is seen) but never hide one.
pub fn open_all(path: &Path) -> io::Result<Vec<Piece>> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut gaps = 0;
    for number in 0.. {
        match open(&numbered(path, number))? {
            Some(piece) if pieces.iter().all(|known| known.id != piece.id) => pieces.push(piece),
            Some(_) => {}
            None if number == 0 => {}
            None => gaps += 1,
        }
        if gaps == GAPS {
            break;
        }
    }
    pieces.reverse();
    Ok(pieces)
}

/// What now has the name of the current file.
pub fn current(path: &Path) -> io::Result<Option<(u64, u64)>> {
    match std::fs::metadata(path) {
        Ok(found) => Ok(Some((found.dev(), found.ino()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    if number == 0 {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    PathBuf::from(name)
}

fn open(path: &Path) -> io::Result<Option<Piece>> {
    match File::open(path) {
        Ok(file) => {
            let found = file.metadata()?;
            Ok(found.is_file().then_some(Piece { file, id: (found.dev(), found.ino()) }))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io::Error::new(error.kind(), format!("{}: {error}", path.display()))),
    }
}

/// Leaves out all but the last `count` lines: whole pieces go, and the first that stays is wound forward.
pub fn keep_last(pieces: &mut Vec<Piece>, count: u64) -> io::Result<Left> {
    let mut left = count;
    for at in (0..pieces.len()).rev() {
        match wind_to_last(&mut pieces[at].file, left)? {
            Found::Enough => {
                pieces.drain(..at);
                return Ok(Left::AsMany);
            }
            Found::Only(lines) => left -= lines,
        }
    }
    Ok(Left::All)
}

/// What was left of all lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// As many as were wanted.
    AsMany,
    /// All, and they are fewer.
    All,
}

enum Found {
    /// The file is wound to where the wanted lines begin.
    Enough,
    /// It has only so many lines, and is wound to its start.
    Only(u64),
}

fn wind_to_last(file: &mut File, wanted: u64) -> io::Result<Found> {
    let size = file.metadata()?.len();
    if wanted == 0 {
        file.seek(SeekFrom::Start(size))?;
        return Ok(Found::Enough);
    }
    let mut lines = 0;
    let mut end = size;
    let mut block = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(BLOCK);
        file.seek(SeekFrom::Start(start))?;
        block.clear();
        file.by_ref().take(end - start).read_to_end(&mut block)?;
        for (at, byte) in block.iter().enumerate().rev() {
            let after = start + at as u64 + 1;
            // The last byte's newline ends the last line; any other one begins a line behind it.
            if *byte == b'\n' && after < size {
                lines += 1;
                if lines == wanted {
                    file.seek(SeekFrom::Start(after))?;
                    return Ok(Found::Enough);
                }
            }
        }
        end = start;
    }
    file.seek(SeekFrom::Start(0))?;
    // The first line begins without a newline before it.
    let lines = if size > 0 { lines + 1 } else { 0 };
    Ok(if lines == wanted { Found::Enough } else { Found::Only(lines) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(texts: &[&str]) -> io::Result<(tempfile::TempDir, PathBuf)> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("gateway.log");
        for (number, text) in (0..).zip(texts) {
            std::fs::write(numbered(&path, number), text)?;
        }
        Ok((folder, path))
    }

    fn last(path: &Path, count: u64) -> io::Result<String> {
        let mut pieces = open_all(path)?;
        keep_last(&mut pieces, count)?;
        let mut text = String::new();
        for mut piece in pieces {
            piece.file.read_to_string(&mut text)?;
        }
        Ok(text)
    }

    #[test]
    fn the_last_lines_reach_across_pieces() -> io::Result<()> {
        let (_folder, path) = log(&["5\n6", "3\n4\n", "1\n2\n"])?;
        let shown: Vec<String> = (0..8).map(|count| last(&path, count)).collect::<Result<_, _>>()?;
        assert_eq!(
            shown,
            ["", "6", "5\n6", "4\n5\n6", "3\n4\n5\n6", "2\n3\n4\n5\n6", "1\n2\n3\n4\n5\n6", "1\n2\n3\n4\n5\n6"]
        );
        Ok(())
    }

    #[test]
    fn long_lines_and_empty_pieces_count_right() -> io::Result<()> {
        let long = "x".repeat(200_000);
        let (_folder, path) = log(&["", &format!("a\n{long}\n\n")])?;
        assert_eq!(last(&path, 1)?, "\n");
        assert_eq!(last(&path, 2)?, format!("{long}\n\n"));
        assert_eq!(last(&path, 3)?, format!("a\n{long}\n\n"));
        Ok(())
    }

    #[test]
    fn a_gap_left_by_a_rotation_hides_nothing() -> io::Result<()> {
        let (_folder, path) = log(&["4\n", "3\n", "2\n", "1\n"])?;
        std::fs::rename(&path, path.with_extension("aside"))?;
        assert_eq!(last(&path, 9)?, "1\n2\n3\n");
        std::fs::rename(numbered(&path, 2), path.with_extension("aside"))?;
        assert_eq!(last(&path, 9)?, "1\n3\n");
        Ok(())
    }

    #[test]
    fn no_log_is_no_pieces() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        assert!(open_all(&folder.path().join("gateway.log"))?.is_empty());
        Ok(())
    }
}
