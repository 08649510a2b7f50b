//! The lines that findings speak of: of the manifest, and of gateways' own files without their secrets.
//!
//! What a finding shows depends on it alone, and not on what else was found: a refusal reads as `check` does.

use std::path::{Path, PathBuf};

use crate::collision::finding::Finding;
use crate::collision::masking::{self, Mask};
use crate::daemon::load::Loaded;
use crate::daemon::survey::configs;
use crate::openclaw::config::credential::Secret;
use crate::openclaw::config::files::{MOST_CONFIG_BYTES, Read};
use crate::openclaw::config::json5;
use crate::plane::Place;
use crate::render::findings::findings;
use crate::render::redacted;
use crate::render::sources::Sources;
use crate::render::text::Look;

/// What may be quoted, and what must not be seen in it.
pub struct Quotes {
    manifest: PathBuf,
    env_files: Vec<PathBuf>,
    mask: Mask,
    sources: Sources,
}

impl Quotes {
    /// Of these planes, who hold these `secrets`.
    pub fn of(loaded: &Loaded, secrets: &[Secret]) -> Self {
        let manifest = loaded.planes.supervisor.manifest.clone();
        let mask = Mask::of(secrets);
        let sources = from_here(Sources::one(&manifest, &mask.mark(&loaded.source)));
        Self { manifest, env_files: loaded.planes.env_files.clone(), mask, sources }
    }

    /// The findings as whole diagnostics, with their lines.
    pub fn shown(&self, found: &[Finding], look: Look) -> String {
        findings(found, &|finding| self.sources(finding), look)
    }

    /// The texts that one finding may quote.
    fn sources(&self, finding: &Finding) -> Sources {
        let mut sources = self.sources.clone();
        let mut files: Vec<&Path> = finding.at.iter().map(|place| place.file.as_path()).collect();
        files.sort_unstable();
        files.dedup();
        for file in files.into_iter().filter(|file| *file != self.manifest) {
            // The reader waits for nothing, whatever has come to lie at that path since.
            let Read::Text { text, .. } = configs::read(file, MOST_CONFIG_BYTES) else { continue };
            let tells = !masking::hides_values(&finding.code);
            let shown: Vec<&Place> = finding.at.iter().filter(|place| tells && place.file == file).collect();
            let is_env =
                self.env_files.iter().any(|known| known == file) || file.file_name().is_some_and(|name| name == ".env");
            let text = if is_env {
                redacted::environment(&text, &shown)
            } else {
                let stopped = json5::read(&text, 0).err().map(|malformed| (malformed.at.line, malformed.at.column));
                redacted::config(&text, &shown, stopped)
            };
            sources.insert(file, &self.mask.mark(&masking::urls(&text)));
        }
        sources
    }
}

/// Files of the current folder are shown by their names from there.
pub fn from_here(sources: Sources) -> Sources {
    match std::env::current_dir() {
        Ok(folder) => sources.shown_from(&folder),
        Err(_) => sources,
    }
}
