//! A small file system of its own, in memory and real: what is written beyond its end meets the kernel's ENOSPC.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use super::canary;
use super::home::Home;

/// Mounts it where only this process and its children see it, says so, and stays until its input ends. The input ends
/// with the test, however that ends, and with the last process inside the mount is gone too: nothing is to be undone.
const IN_MEMORY: &str = r#"mount -t tmpfs -o "size=$2,nr_inodes=2000,mode=0777" none "$1" &&
echo ready && exec cat >/dev/null"#;

/// The same with ext4, which has room given out late and kept back, in a file.
const EXT4: &str = r#"PATH=$PATH:/sbin:/usr/sbin; truncate -s "$2" "$3" && mkfs.ext4 -q -b 4096 -m 0 "$3" &&
mount -o loop "$3" "$1" && chmod 777 "$1" && echo ready && exec cat >/dev/null"#;

/// Goes to a folder and becomes a program: entering a mount namespace ends at its root.
const THERE: &str = r#"cd "$0" && exec "$@""#;

/// The file that takes all room but what is left free.
const FILLER: &str = "filler";

/// A small file system. Programs see it that were started by [`Volume::inside`]; the test itself looks at it by way of
/// [`Volume::seen`].
pub struct Volume {
    holder: Child,
    input: Option<ChildStdin>,
    /// Where it is mounted.
    path: PathBuf,
    /// The folder of that, removed after it.
    _home: Home,
}

impl Volume {
    /// One of so many bytes, whole pages; `None`, told as skipped, where this user may mount nothing.
    pub fn of(bytes: u64) -> Option<Volume> {
        Volume::mounted(IN_MEMORY, bytes)
    }

    /// One of ext4, whose own needs are taken from the bytes.
    pub fn ext4(bytes: u64) -> Option<Volume> {
        Volume::mounted(EXT4, bytes)
    }

    fn mounted(how: &str, bytes: u64) -> Option<Volume> {
        let home = Home::new("chainfill-volume-");
        let path = home.path().join("small");
        fs::create_dir(&path).expect("a folder");
        let holder = Command::new("unshare")
            .args(["-m", "--propagation", "private", "sh", "-c", how, "holder"])
            .arg(&path)
            .arg(bytes.to_string())
            .arg(home.path().join("image"))
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok();
        if let Some(mut holder) = holder {
            let input = holder.stdin.take();
            let mut said = String::new();
            let out = holder.stdout.take().expect("a pipe");
            let _ = BufReader::new(out).read_line(&mut said); // nothing where it ended
            let volume = Volume { holder, input, path, _home: home };
            if said.trim() == "ready" {
                return Some(volume);
            }
        }
        super::skipped("a small file system needs `unshare -m` and `mount`, which this user may not use");
        None
    }

    /// Where it is, for programs inside.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file of it as this process reaches it. `SQLite` does not: it follows `/proc/PID/root` to the other root.
    pub fn seen(&self, name: &str) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.holder.id()));
        root.join(self.path().strip_prefix("/").expect("a whole path")).join(name)
    }

    /// What to put before a program, so that it runs in that folder and sees the volume.
    pub fn inside(&self, folder: &Path) -> Vec<String> {
        let pid = self.holder.id().to_string();
        let folder = folder.display().to_string();
        ["nsenter", "-m", "-t", &pid, "sh", "-c", THERE, &folder].map(str::to_owned).to_vec()
    }

    /// Takes all room but so many bytes, rounded down to pages.
    pub fn leave_free(&self, bytes: u64) {
        self.free();
        let mut filler = File::create(self.seen(FILLER)).expect("a filler");
        let take = self.free_bytes().saturating_sub(bytes);
        let block = vec![0_u8; 4_096];
        for _ in 0..take / 4_096 {
            // Somebody else may write there at the same time: full is full.
            if filler.write_all(&block).is_err() {
                return;
            }
        }
    }

    /// Gives the room back.
    pub fn free(&self) {
        let _ = fs::remove_file(self.seen(FILLER)); // none where nothing was taken
    }

    /// Takes all room for further files, though there may be some in those that are there.
    pub fn take_names(&self) {
        while File::create(self.seen(&format!("{FILLER}-{}", fastrand::u64(..)))).is_ok() {}
    }

    /// Room that is left.
    pub fn free_bytes(&self) -> u64 {
        let stat = rustix::fs::statvfs(self.seen("")).expect("a file system");
        stat.f_bavail * stat.f_frsize
    }

    /// Brings all of it into a folder that everybody sees.
    pub fn bring(&self, into: &Path) {
        let all = self.seen(".");
        let status = Command::new("cp").arg("-R").arg(&all).arg(into).status().expect("cp starts");
        assert!(status.success(), "cp -R {} {}: {status}", all.display(), into.display());
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        canary::none_in(&self.seen(""));
        drop(self.input.take());
        let _ = self.holder.wait();
    }
}

#[test]
fn a_volume_is_as_small_as_told_and_seen_by_nobody_else() {
    let Some(volume) = Volume::of(1 << 20) else { return };
    assert_eq!(volume.free_bytes(), 1 << 20);
    volume.leave_free(8_192);
    assert_eq!(volume.free_bytes(), 8_192);
    let error = fs::write(volume.seen("more"), vec![1; 12_288]).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    assert_eq!(fs::read_dir(volume.path()).unwrap().count(), 0, "others see it");
    let mut inside = volume.inside(volume.path());
    inside.extend(["ls", FILLER].map(str::to_owned));
    assert!(Command::new(&inside[0]).args(&inside[1..]).stdout(Stdio::null()).status().unwrap().success());
}
