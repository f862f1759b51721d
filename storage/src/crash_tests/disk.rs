//! A disk that remembers which changes were synced, and what a power loss may leave of the others.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::trace::Event;

/// What a disk writes as a whole or not at all.
const SECTOR_BYTES: u64 = 512;
/// The number of the directory that everything is in.
const ROOT: usize = 0;

/// Files and directories, each with what is durable and what is not yet.
#[derive(Debug, Clone)]
pub(super) struct Disk {
    root: PathBuf,
    /// Contents of files by number; directories have none.
    files: Vec<Option<File>>,
    /// Changes of names, oldest first.
    names: Vec<NameChange>,
    /// The names as the running system sees them.
    tree: Tree,
    /// Number of the next event of this process, from 1; what was there before it has number 0.
    event_count: usize,
}

/// Numbers of files by the number of their directory and their name.
type Tree = BTreeMap<(usize, OsString), usize>;

#[derive(Debug, Clone, Default)]
struct File {
    durable: Vec<u8>,
    /// Changes since, with the number of the event, oldest first.
    pending: Vec<(usize, Change)>,
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: u64, bytes: Vec<u8> },
    SetLength(u64),
}

#[derive(Debug, Clone)]
struct NameChange {
    event: usize,
    is_durable: bool,
    /// Where a name goes, if one does.
    removed: Option<(usize, OsString)>,
    /// Where a name comes, if one does. A rename has both, and is done as a whole or not at all.
    added: Option<((usize, OsString), usize)>,
}

/// What a power loss does to changes that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    /// All of them are lost.
    All,
    /// None is: the process was killed and the system went on.
    Nothing,
    /// Names and lengths are there, and zeroes instead of bytes.
    Bytes,
    /// Bytes are there, names are not.
    Names,
    /// Each change is there with a chance of so many in 100, a write by sectors.
    Some { kept_percent: u64 },
}

/// A repeatable choice.
#[derive(Debug, Clone)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn percent(&mut self, chance: u64) -> bool {
        self.next() % 100 < chance
    }
}

/// Files with their contents, and directories.
pub(super) type Image = BTreeMap<PathBuf, Option<Vec<u8>>>;

impl Disk {
    /// What is in a directory now, all of it durable. Paths of events begin with `root`.
    pub(super) fn load(dir: &Path, root: &Path) -> Self {
        let mut disk = Self {
            root: root.to_path_buf(),
            files: vec![None],
            names: Vec::new(),
            tree: Tree::new(),
            event_count: 1,
        };
        disk.load_dir(dir, ROOT);
        for change in &mut disk.names {
            change.is_durable = true;
        }
        disk
    }

    fn load_dir(&mut self, dir: &Path, number: usize) {
        for entry in fs::read_dir(dir).unwrap() {
            let entry = entry.unwrap();
            let place = (number, entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                let child = self.add(place, None);
                self.load_dir(&entry.path(), child);
            } else {
                let durable = fs::read(entry.path()).unwrap();
                let pending = Vec::new();
                self.add(place, Some(File { durable, pending }));
            }
        }
    }

    /// The same disk, for a process that sees it in another place.
    pub(super) fn moved_to(mut self, root: &Path) -> Self {
        self.root = root.to_path_buf();
        self
    }

    /// Does what the process did.
    pub(super) fn apply(&mut self, event: &Event) {
        match event {
            Event::Open { path, truncates } => {
                let place = self.place(path);
                let number = match self.tree.get(&place) {
                    Some(number) => *number,
                    None => self.add(place, Some(File::default())),
                };
                if *truncates {
                    self.change(number, Change::SetLength(0));
                }
            }
            Event::Write {
                path,
                offset,
                bytes,
            } => {
                let (offset, bytes) = (*offset, bytes.clone());
                self.change(self.number(path), Change::Write { offset, bytes });
            }
            Event::SetLength { path, length } => {
                self.change(self.number(path), Change::SetLength(*length));
            }
            Event::MakeDir(path) => {
                self.add(self.place(path), None);
            }
            Event::Rename { from, to } => {
                let (removed, number) = (self.place(from), self.number(from));
                self.rename(Some(removed), Some((self.place(to), number)));
            }
            Event::Remove(path) => self.rename(Some(self.place(path)), None),
            Event::Sync { path, begun } => self.sync(self.number(path), *begun),
            Event::Mark(_) => {}
        }
        self.event_count += 1;
    }

    /// The events of another process come next, which count from the beginning.
    pub(super) fn begin_process(&mut self) {
        for file in self.files.iter_mut().flatten() {
            for (event, _) in &mut file.pending {
                *event = 0;
            }
        }
        for change in &mut self.names {
            change.event = 0;
        }
        self.event_count = 1;
    }

    fn add(&mut self, place: (usize, OsString), file: Option<File>) -> usize {
        let number = self.files.len();
        self.files.push(file);
        self.rename(None, Some((place, number)));
        number
    }

    fn rename(
        &mut self,
        removed: Option<(usize, OsString)>,
        added: Option<((usize, OsString), usize)>,
    ) {
        let change = NameChange {
            event: self.event_count,
            is_durable: false,
            removed,
            added,
        };
        change.apply(&mut self.tree);
        self.names.push(change);
    }

    fn change(&mut self, number: usize, change: Change) {
        let event = self.event_count;
        let file = self.files[number].as_mut().unwrap();
        file.pending.push((event, change));
    }

    fn sync(&mut self, number: usize, begun: usize) {
        if let Some(file) = &mut self.files[number] {
            let covered = file.pending.partition_point(|(event, _)| *event <= begun);
            for (_, change) in file.pending.drain(..covered) {
                change.apply(&mut file.durable);
            }
            return;
        }
        for change in &mut self.names {
            if change.event <= begun && change.is_in(number) {
                change.is_durable = true;
            }
        }
    }

    fn place(&self, path: &Path) -> (usize, OsString) {
        let dir = self.number(path.parent().unwrap());
        (dir, path.file_name().unwrap().to_owned())
    }

    fn number(&self, path: &Path) -> usize {
        let below = path.strip_prefix(&self.root).unwrap();
        below.iter().fold(ROOT, |dir, name| {
            let found = self.tree.get(&(dir, name.to_owned()));
            *found.unwrap_or_else(|| panic!("{} is not there", path.display()))
        })
    }

    /// Whether there is anything a power loss could take.
    pub(super) fn is_all_durable(&self) -> bool {
        let is_durable = |file: &File| file.pending.is_empty();
        self.names.iter().all(|change| change.is_durable)
            && self.files.iter().flatten().all(is_durable)
    }

    /// What is there after a power loss now.
    pub(super) fn image(&self, loss: Loss, dice: &mut Dice) -> Image {
        let mut tree = Tree::new();
        for change in &self.names {
            let is_kept = match loss {
                Loss::All | Loss::Names => false,
                Loss::Nothing | Loss::Bytes => true,
                Loss::Some { kept_percent } => dice.percent(kept_percent),
            };
            if change.is_durable || is_kept {
                change.apply(&mut tree);
            }
        }
        let mut children: HashMap<usize, Vec<(&OsString, usize)>> = HashMap::new();
        for ((dir, name), number) in &tree {
            children.entry(*dir).or_default().push((name, *number));
        }
        let mut image = Image::new();
        let mut dirs = vec![(ROOT, PathBuf::new())];
        while let Some((dir, path)) = dirs.pop() {
            for (name, number) in children.remove(&dir).unwrap_or_default() {
                let path = path.join(name);
                let file = self.files[number].as_ref();
                image.insert(path.clone(), file.map(|file| file.image(loss, dice)));
                if file.is_none() {
                    dirs.push((number, path));
                }
            }
        }
        image
    }
}

impl NameChange {
    fn apply(&self, tree: &mut Tree) {
        if let Some(place) = &self.removed {
            tree.remove(place);
        }
        if let Some((place, number)) = &self.added {
            tree.insert(place.clone(), *number);
        }
    }

    fn is_in(&self, dir: usize) -> bool {
        self.removed.as_ref().is_some_and(|place| place.0 == dir)
            || self.added.as_ref().is_some_and(|added| added.0.0 == dir)
    }
}

impl File {
    fn image(&self, loss: Loss, dice: &mut Dice) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for (_, change) in &self.pending {
            match loss {
                Loss::All => {}
                Loss::Nothing | Loss::Names => change.apply(&mut bytes),
                Loss::Bytes => change.lengthen(&mut bytes),
                Loss::Some { kept_percent } => change.tear(&mut bytes, kept_percent, dice),
            }
        }
        bytes
    }
}

impl Change {
    fn apply(&self, file: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => put(file, *offset, bytes),
            Self::SetLength(length) => file.resize(usize::try_from(*length).unwrap(), 0),
        }
    }

    /// Only the length of the file becomes what it would be.
    fn lengthen(&self, file: &mut Vec<u8>) {
        match self {
            Self::Write { offset, bytes } => {
                let end = usize::try_from(*offset).unwrap() + bytes.len();
                file.resize(end.max(file.len()), 0);
            }
            Self::SetLength(_) => self.apply(file),
        }
    }

    fn tear(&self, file: &mut Vec<u8>, kept_percent: u64, dice: &mut Dice) {
        let Self::Write { offset, bytes } = self else {
            if dice.percent(kept_percent) {
                self.apply(file);
            }
            return;
        };
        if dice.percent(50) {
            // As a whole or not at all.
            if dice.percent(kept_percent) {
                self.apply(file);
            }
            return;
        }
        if dice.percent(50) {
            self.lengthen(file);
        }
        let (mut start, end) = (*offset, offset + bytes.len() as u64);
        while start < end {
            let sector_end = (start / SECTOR_BYTES + 1) * SECTOR_BYTES;
            let piece_end = sector_end.min(end);
            if dice.percent(kept_percent) {
                let within = |at: u64| usize::try_from(at - offset).unwrap();
                put(file, start, &bytes[within(start)..within(piece_end)]);
            }
            start = piece_end;
        }
    }
}

fn put(file: &mut Vec<u8>, offset: u64, bytes: &[u8]) {
    let start = usize::try_from(offset).unwrap();
    let end = start + bytes.len();
    file.resize(file.len().max(end), 0);
    file[start..end].copy_from_slice(bytes);
}

/// Makes an image real below `dir`, which is empty.
pub(super) fn write_image(image: &Image, dir: &Path) {
    for (path, contents) in image {
        let path = dir.join(path);
        match contents {
            Some(bytes) => fs::write(path, bytes).unwrap(),
            None => fs::create_dir(path).unwrap(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &str) -> Event {
        Event::Open {
            path: path.into(),
            truncates: false,
        }
    }

    fn write(path: &str, offset: u64, bytes: &[u8]) -> Event {
        Event::Write {
            path: path.into(),
            offset,
            bytes: bytes.to_vec(),
        }
    }

    fn sync(path: &str, begun: usize) -> Event {
        Event::Sync {
            path: path.into(),
            begun,
        }
    }

    fn disk(events: &[Event]) -> Disk {
        let dir = tempfile::tempdir().unwrap();
        let mut disk = Disk::load(dir.path(), Path::new("/d"));
        for event in events {
            disk.apply(event);
        }
        disk
    }

    fn image(disk: &Disk, loss: Loss) -> Vec<(String, Option<String>)> {
        let image = disk.image(loss, &mut Dice(1)).into_iter();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        image
            .map(|(path, bytes)| (path.display().to_string(), bytes.map(text)))
            .collect()
    }

    fn file(path: &str, contents: &str) -> (String, Option<String>) {
        (path.to_owned(), Some(contents.to_owned()))
    }

    #[test]
    fn bytes_survive_after_a_sync_of_the_file_and_its_name_after_one_of_the_directory() {
        let events = [open("/d/a"), write("/d/a", 0, b"one"), sync("/d/a", 2)];
        let mut disk = disk(&events);
        assert_eq!(image(&disk, Loss::All), []);
        assert_eq!(image(&disk, Loss::Bytes), [file("a", "one")]);
        disk.apply(&sync("/d", 3));
        assert_eq!(image(&disk, Loss::All), [file("a", "one")]);
        disk.apply(&write("/d/a", 1, b"XYZ"));
        assert_eq!(image(&disk, Loss::All), [file("a", "one")]);
        assert_eq!(image(&disk, Loss::Bytes), [file("a", "one\0")]);
        assert_eq!(image(&disk, Loss::Nothing), [file("a", "oXYZ")]);
        assert!(!disk.is_all_durable());
        // It began before the write did.
        disk.apply(&sync("/d/a", 4));
        assert!(!disk.is_all_durable());
        disk.apply(&sync("/d/a", 5));
        assert!(disk.is_all_durable());
    }

    #[test]
    fn a_rename_that_was_not_synced_is_done_or_not_and_takes_what_is_below_along() {
        let dir = |path: &str| (path.to_owned(), None);
        let events = [
            Event::MakeDir("/d/x".into()),
            sync("/d", 1),
            open("/d/x/a"),
            sync("/d/x", 3),
            Event::Rename {
                from: "/d/x".into(),
                to: "/d/y".into(),
            },
            Event::Remove("/d/y/a".into()),
        ];
        let disk = disk(&events);
        assert_eq!(image(&disk, Loss::All), [dir("x"), file("x/a", "")]);
        assert_eq!(image(&disk, Loss::Nothing), [dir("y")]);
        let found: std::collections::BTreeSet<_> = (0..50)
            .map(|seed| disk.image(Loss::Some { kept_percent: 50 }, &mut Dice(seed)))
            .collect();
        assert_eq!(found.len(), 4, "{found:?}");
    }

    #[test]
    fn a_write_is_torn_at_sectors() {
        let disk = disk(&[open("/d/a"), sync("/d", 1), write("/d/a", 500, &[7; 600])]);
        let mut lengths = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let image = disk.image(Loss::Some { kept_percent: 50 }, &mut Dice(seed));
            let bytes = image.into_values().next().unwrap().unwrap();
            lengths.insert(bytes.len());
            for piece in [500..512, 512..1024, 1024..1100] {
                let Some(piece) = bytes.get(piece) else {
                    continue;
                };
                assert!(piece.iter().all(|byte| *byte == piece[0]), "seed {seed}");
            }
        }
        assert_eq!(
            lengths.into_iter().collect::<Vec<_>>(),
            [0, 512, 1024, 1100]
        );
    }
}
