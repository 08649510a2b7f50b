//! What the demo tells people to try. Runs none of it.

use super::ground::Scene;
use crate::plane::shell::word;
use crate::render::status::Report;

/// The commands, with the pids as they are now.
pub fn commands(scene: &Scene, report: &Report) -> String {
    let program = std::env::current_exe().unwrap_or_else(|_| "gateward".into());
    let gateward = format!("{} -m {}", word(&program), word(&scene.manifest));
    let pid = |name: &str| {
        let plane = report.planes.iter().find(|plane| plane.name.as_str() == name);
        plane.and_then(|plane| plane.pid).map_or("PID".to_owned(), |pid| pid.to_string())
    };
    let supervisor = report.supervisor.pid.map_or("PID".to_owned(), |pid| pid.to_string());
    format!(
        "
Both are ready. From another terminal, for instance:

  {gateward} status
  kill -9 {main}     # main comes back alone; rescue keeps its pid
  {gateward} why main
  {gateward} restart rescue
  {gateward} logs -f
  {gateward} card rescue
  {gateward} check
  kill -9 {supervisor}     # the supervisor; no gateway notices, and the demo starts another one

Ctrl-C stops everything.

",
        main = pid("main"),
    )
}
