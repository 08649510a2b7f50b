//! The tables within a plane: restart, health, log, limits; and the keys in them that contradict one another.
//!
//! Knows none of the plane's paths and variables.

use crate::manifest::error::{Code, Mistake};
use crate::manifest::keys::Slot;
use crate::manifest::one_plane::Scene;
use crate::manifest::quantity::spoken_size;
use crate::manifest::resolve::disorder;
use crate::plane::{Contract, Health, Limits, LogRules, Restart};

impl Scene<'_> {
    pub(crate) fn restart(&mut self) -> Restart {
        let table = self.table.restart.table();
        let standard = Restart::default();
        let restart = Restart {
            policy: table.policy.get().map_or(standard.policy, |word| word.0),
            min_delay: table.min_delay.get().map_or(standard.min_delay, |time| time.0),
            max_delay: table.max_delay.get().map_or(standard.max_delay, |time| time.0),
            stable: table.stable.get().map_or(standard.stable, |time| time.0),
            max_deaths: table.max_deaths.get().map_or(standard.max_deaths, |count| unsigned(count.0)),
            window: table.window.get().map_or(standard.window, |time| time.0),
        };
        let bad = matches!(table.min_delay, Slot::Bad) || matches!(table.max_delay, Slot::Bad);
        if restart.min_delay > restart.max_delay && !bad {
            let message = disorder(("min_delay", restart.min_delay), ("max_delay", restart.max_delay));
            let mistake = Mistake::new(Code::Contradiction, message, "lower `min_delay`, or raise `max_delay`");
            let (low, high) = (table.min_delay.at().map(|at| &at.place), table.max_delay.at().map(|at| &at.place));
            let place = low.or(high).unwrap_or(&self.name.place).clone();
            let other = high.filter(|high| **high != place).cloned();
            self.tell("restart.min_delay", mistake.at(place, "").also(other, "the longest wait"));
        }
        restart
    }

    /// Keys that name what only a gateway of OpenClaw has.
    pub(crate) fn idle_keys(&mut self, contract: Contract) {
        if contract == Contract::Openclaw {
            return;
        }
        let profile = self.own.profile.at().map(|at| ("profile", at.place.clone()));
        let browsers = self.own.browser_profiles.at().map(|at| ("browser_profiles", at.place.clone()));
        for (key, place) in [profile, browsers].into_iter().flatten() {
            let message = format!("`{key}` is for contract `openclaw`, and does nothing with contract `plain`");
            let mistake = Mistake::new(Code::Contradiction, message, format!("take `{key}` out"));
            self.tell(key, mistake.at(place, "does nothing here"));
        }
    }

    pub(crate) fn health(&mut self, contract: Contract) -> Health {
        let table = self.table.health.table();
        let own = self.own.health.at().cloned();
        let standard = Health::default();
        let url = table.url.at().cloned();
        match (contract, &own, &url) {
            (Contract::Openclaw, Some(own), Some(_)) if own.value.0.url.is_written() => {
                let message = "`url` is for contract `plain`; an OpenClaw gateway is asked at its own port";
                let mistake = Mistake::new(Code::Contradiction, message, "take `url` out");
                self.tell("health.url", mistake.at(url.clone().map_or(own.place.clone(), |url| url.place), ""));
            }
            (Contract::Plain, Some(_), None) if !table.url.is_written() => {
                let message = "a plane with contract `plain` is not probed unless `health.url` says where";
                let hint = "write `url = \"http://127.0.0.1:PORT/PATH\"`, or take `health` out";
                let place = self.written.places.get(&format!("planes.{}.health", self.name.value));
                let place = place.unwrap_or(&self.name.place).clone();
                self.tell(
                    "health",
                    Mistake::new(Code::Contradiction, message, hint).at(place, "does nothing without `url`"),
                );
            }
            (Contract::Openclaw | Contract::Plain, _, _) => {}
        }
        Health {
            interval: table.interval.get().map_or(standard.interval, |time| time.0),
            timeout: table.timeout.get().map_or(standard.timeout, |time| time.0),
            failures: table.failures.get().map_or(standard.failures, |count| unsigned(count.0)),
            startup: table.startup.get().map_or(standard.startup, |time| time.0),
            url: url.filter(|_| contract == Contract::Plain).map(|url| url.value.0),
        }
    }

    pub(crate) fn log(&self) -> LogRules {
        let table = self.table.log.table();
        let standard = LogRules::default();
        LogRules {
            max_size: table.max_size.get().map_or(standard.max_size, |size| size.0),
            keep: table.keep.get().map_or(standard.keep, |count| unsigned(count.0)),
            stamp: table.stamp.get().map_or(standard.stamp, |flag| flag.0),
        }
    }

    pub(crate) fn limits(&mut self) -> Limits {
        let table = self.table.limits.table();
        if let (Some(high), Some(max)) = (table.memory_high.at(), table.memory_max.at())
            && high.value.0 > max.value.0
        {
            let (low, top) = (spoken_size(max.value.0), spoken_size(high.value.0));
            let message = format!("`memory_high` is {top}, which is more than `memory_max`, {low}");
            let mistake = Mistake::new(
                Code::Contradiction,
                message,
                "write a `memory_high` below `memory_max`: the kernel would kill first",
            );
            self.tell(
                "limits.memory_high",
                mistake.at(high.place.clone(), "").also(Some(max.place.clone()), "kills here"),
            );
        }
        Limits {
            memory_high: table.memory_high.get().map(|size| size.0),
            memory_max: table.memory_max.get().map(|size| size.0),
            pids_max: table.pids_max.get().map(|count| count.0.unsigned_abs()),
            open_files: table.open_files.get().map(|count| count.0.unsigned_abs()),
            nice: table.nice.get().and_then(|count| i32::try_from(count.0).ok()),
            oom_score_adj: table.oom_score_adj.get().and_then(|count| i32::try_from(count.0).ok()),
        }
    }
}

/// A count that its key keeps from being negative.
fn unsigned(count: i64) -> u32 {
    u32::try_from(count).unwrap_or(0)
}
