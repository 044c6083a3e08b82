//! What processes have used of the machine, as Linux counts it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// A process and everything it has started.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tree {
    root: u32,
}

/// What `/proc/PID/stat` says of a process.
struct Stat {
    parent: u32,
    /// Its own time and that of its children that have ended, in ticks.
    ticks: u64,
}

impl Tree {
    pub(super) fn of(root: u32) -> Self {
        Self { root }
    }

    /// Time on processors so far, of all that live and of all that have ended
    /// and were waited for.
    pub(super) fn cpu(self) -> Duration {
        let all = all_processes();
        let ticks: u64 = self
            .members(&all)
            .filter_map(|pid| all.get(&pid))
            .map(|stat| stat.ticks)
            .sum();
        let a_second = rustix::param::clock_ticks_per_second().max(1);
        Duration::from_micros(ticks.saturating_mul(1_000_000) / a_second)
    }

    /// The most memory that its processes ever had, each for itself: what they
    /// share counts more than once. In bytes.
    pub(super) fn peak_memory(self) -> u64 {
        let all = all_processes();
        self.members(&all).filter_map(peak_memory).sum()
    }

    /// Where the program of the root lies.
    pub(super) fn program(self) -> Option<PathBuf> {
        fs::read_link(format!("/proc/{}/exe", self.root)).ok()
    }

    fn members(self, all: &BTreeMap<u32, Stat>) -> impl Iterator<Item = u32> + '_ {
        let belongs = move |pid: u32| {
            let mut at = pid;
            // No chain of parents is longer than there are processes.
            for _ in 0..=all.len() {
                if at == self.root {
                    return true;
                }
                match all.get(&at) {
                    Some(stat) if stat.parent != 0 => at = stat.parent,
                    Some(_) | None => return false,
                }
            }
            false
        };
        all.keys().copied().filter(move |pid| belongs(*pid))
    }
}

fn all_processes() -> BTreeMap<u32, Stat> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            // One that has ended meanwhile is counted by its parent.
            let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            Some((pid, Stat::parse(&text)?))
        })
        .collect()
}

impl Stat {
    /// proc(5): the second field is the program's name in brackets, which may
    /// hold anything; after it come state, parent, … and as the 14th to 17th
    /// utime, stime, cutime and cstime.
    fn parse(text: &str) -> Option<Self> {
        let (_, behind) = text.rsplit_once(')')?;
        let fields: Vec<&str> = behind.split_whitespace().collect();
        let times = fields.get(11..15)?;
        Some(Self {
            parent: fields.get(1)?.parse().ok()?,
            ticks: times
                .iter()
                .filter_map(|ticks| ticks.parse::<u64>().ok())
                .sum(),
        })
    }
}

/// The most memory that a process ever had, where the system says so.
pub(super) fn peak_memory(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_brackets_and_blanks_moves_no_field() {
        let text = "7 (a) R 9 (b) S 42 7 7 0 -1 4194560 1 2 3 4 10 20 300 4000 20 0 1";
        let stat = Stat::parse(text).unwrap();
        assert_eq!((stat.parent, stat.ticks), (42, 4330));
    }

    #[test]
    fn this_process_has_used_something() {
        let tree = Tree::of(std::process::id());
        assert!(tree.peak_memory() > 1_000_000);
        assert!(tree.program().is_some());
    }
}
