//! The event logs System and Application. What is followed is asked for again every second from
//! the last known entry on, so that no callback of the system's runs in here.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use std::{io, mem, ptr};

use windows_sys::Win32::Foundation::{ERROR_INSUFFICIENT_BUFFER, ERROR_NO_MORE_ITEMS};
use windows_sys::Win32::System::EventLog::{
    EVT_HANDLE, EVT_VARIANT, EvtClose, EvtCreateRenderContext, EvtFormatMessage, EvtFormatMessageEvent,
    EvtNext, EvtOpenPublisherMetadata, EvtQuery, EvtQueryChannelPath, EvtQueryForwardDirection,
    EvtQueryReverseDirection, EvtRender, EvtRenderContextSystem, EvtRenderEventValues, EvtSystemEventID,
    EvtSystemEventRecordId, EvtSystemLevel, EvtSystemProcessID, EvtSystemProviderName, EvtSystemTimeCreated,
    EvtVarTypeByte, EvtVarTypeFileTime, EvtVarTypeString, EvtVarTypeUInt16, EvtVarTypeUInt32,
    EvtVarTypeUInt64,
};

use super::sys::{check, copy_text, narrow, wide};
use crate::logs::{Entry, LogError, Query, cut};
use crate::thread::Slots;

const CHANNELS: [&str; 2] = ["System", "Application"];
/// Between two questions while following.
const PAUSE: Duration = Duration::from_secs(1);
/// Longest wait of the system for the next entries, milliseconds.
const WAIT_MS: u32 = 5000;
/// Most entries of one question while following.
const PIECE: usize = 1000;
/// Most bytes of text collected before the first is handed out.
const COLLECTED_LIMIT: usize = 16 * 1024 * 1024;
/// Most makers of messages remembered.
const PUBLISHERS_LIMIT: usize = 256;
/// Longest message, in UTF-16 units.
const MESSAGE_LIMIT: usize = 32 * 1024;
/// Between 1601, where Windows counts from, and 1970.
const EPOCH: Duration = Duration::from_secs(11_644_473_600);

static READING: Slots = Slots::new(4);

/// Reads them.
pub(crate) struct Reader {
    query: Query,
    ready: VecDeque<Entry>,
    state: Arc<Mutex<State>>,
}

/// What the thread that reads keeps.
#[derive(Default)]
struct State {
    /// The newest entry seen of each channel.
    last: HashMap<&'static str, u64>,
    publishers: HashMap<String, Option<Handle>>,
}

impl Reader {
    pub(crate) async fn open(query: Query) -> Result<Self, LogError> {
        let mut reader = Self { query, ready: VecDeque::new(), state: Arc::default() };
        let query = reader.query.clone();
        let mut entries = reader.in_thread(move |state| newest(state, &query)).await?;
        entries.sort_by_key(|entry| entry.at);
        entries.drain(..entries.len().saturating_sub(reader.query.limit));
        reader.ready = entries.into();
        Ok(reader)
    }

    pub(crate) async fn next(&mut self) -> io::Result<Option<Entry>> {
        loop {
            if let Some(entry) = self.ready.pop_front() {
                return Ok(Some(entry));
            }
            if !self.query.follow {
                return Ok(None);
            }
            tokio::time::sleep(PAUSE).await;
            let query = self.query.clone();
            let mut entries = self.in_thread(move |state| since_last(state, &query)).await?;
            entries.sort_by_key(|entry| entry.at);
            self.ready = entries.into();
        }
    }

    pub(crate) fn notes(&self) -> Vec<String> {
        Vec::new()
    }

    async fn in_thread(
        &self,
        work: impl FnOnce(&mut State) -> io::Result<Vec<Entry>> + Send + 'static,
    ) -> io::Result<Vec<Entry>> {
        let state = Arc::clone(&self.state);
        READING.run(move || work(&mut state.lock().unwrap_or_else(PoisonError::into_inner))).await?
    }
}

/// The newest entries that fit, of all channels.
fn newest(state: &mut State, query: &Query) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for channel in CHANNELS {
        let mut bytes = 0;
        let mut count = 0;
        let events = Events::ask(channel, &conditions(query, None), EvtQueryReverseDirection)?;
        each(&events, |event| {
            let Some((record, entry)) = state.read(event)? else { return Ok(true) };
            let last = state.last.entry(channel).or_default();
            *last = (*last).max(record);
            if query.fits(&entry) {
                bytes += entry.text.len();
                count += 1;
                entries.push(entry);
            }
            Ok(count < query.limit && bytes < COLLECTED_LIMIT)
        })?;
        if !state.last.contains_key(channel) {
            // Nothing fitted; what is followed begins with the newest of all.
            let newest = Events::ask(channel, "*", EvtQueryReverseDirection)?;
            each(&newest, |event| {
                if let Some((record, _)) = state.read(event)? {
                    state.last.insert(channel, record);
                }
                Ok(false)
            })?;
        }
    }
    Ok(entries)
}

/// Entries that came after the last ones.
fn since_last(state: &mut State, query: &Query) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for channel in CHANNELS {
        let last = state.last.get(channel).copied().unwrap_or(0);
        let events = Events::ask(channel, &conditions(query, Some(last)), EvtQueryForwardDirection)?;
        let mut count = 0;
        each(&events, |event| {
            if let Some((record, entry)) = state.read(event)? {
                state.last.insert(channel, record);
                if query.fits(&entry) {
                    entries.push(entry);
                }
            }
            count += 1;
            Ok(count < PIECE)
        })?;
    }
    Ok(entries)
}

/// The question in the system's own form; what was typed is not part of it but compared here.
fn conditions(query: &Query, after: Option<u64>) -> String {
    let mut parts = Vec::new();
    if let Some(most) = query.level.map(windows_level)
        && most < 5
    {
        parts.push(format!("(Level>=1 and Level<={most})"));
    }
    parts.extend(after.map(|record| format!("(EventRecordID>{record})")));
    if parts.is_empty() { "*".to_owned() } else { format!("*[System[{}]]", parts.join(" and ")) }
}

/// Theirs: 1 critical, 2 error, 3 warning, 4 information, 5 verbose.
fn windows_level(level: u8) -> u8 {
    match level {
        0..=2 => 1,
        3 => 2,
        4 => 3,
        5 | 6 => 4,
        _ => 5,
    }
}

fn our_level(level: u8) -> u8 {
    match level {
        1 => 2,
        2 => 3,
        3 => 4,
        5 => 7,
        _ => 6,
    }
}

/// An open handle of the event log's.
struct Handle(EVT_HANDLE);

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the handle is open, ours, and closed once.
        unsafe { EvtClose(self.0) };
    }
}

impl Handle {
    fn new(handle: EVT_HANDLE) -> io::Result<Self> {
        if handle == 0 { Err(io::Error::last_os_error()) } else { Ok(Self(handle)) }
    }
}

/// The answer to a question.
struct Events(Handle);

impl Events {
    fn ask(channel: &str, question: &str, direction: u32) -> io::Result<Self> {
        let (channel, question) = (wide(channel), wide(question));
        // SAFETY: both texts are zero-terminated; no session means this machine.
        let handle =
            unsafe { EvtQuery(0, channel.as_ptr(), question.as_ptr(), EvtQueryChannelPath | direction) };
        Handle::new(handle).map(Self)
    }

    fn next(&self) -> io::Result<Option<Handle>> {
        let (mut event, mut count): (EVT_HANDLE, u32) = (0, 0);
        // SAFETY: there is room for one handle; the others are live variables.
        let asked = check(unsafe { EvtNext(self.0.0, 1, &raw mut event, WAIT_MS, 0, &raw mut count) });
        match asked {
            Ok(()) if count == 1 => Handle::new(event).map(Some),
            Ok(()) => Ok(None),
            Err(error) if error.raw_os_error() == Some(ERROR_NO_MORE_ITEMS.cast_signed()) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Hands events to `take` until it has enough.
fn each(events: &Events, mut take: impl FnMut(&Handle) -> io::Result<bool>) -> io::Result<()> {
    while let Some(event) = events.next()? {
        if !take(&event)? {
            break;
        }
    }
    Ok(())
}

impl State {
    /// An event as an entry, with its number; `None` for one that does not tell what it must.
    fn read(&mut self, event: &Handle) -> io::Result<Option<(u64, Entry)>> {
        // SAFETY: no paths are given for the system's own properties.
        let context = Handle::new(unsafe { EvtCreateRenderContext(0, ptr::null(), EvtRenderContextSystem) })?;
        let mut room = vec![0u64; 1024];
        let (mut used, mut count) = (0, 0);
        loop {
            let length = u32::try_from(room.len() * 8).map_err(io::Error::other)?;
            // SAFETY: both handles are open; `room` is writable for the length given.
            let rendered = check(unsafe {
                EvtRender(
                    context.0,
                    event.0,
                    EvtRenderEventValues,
                    length,
                    room.as_mut_ptr().cast(),
                    &raw mut used,
                    &raw mut count,
                )
            });
            match rendered {
                Ok(()) => break,
                Err(error)
                    if error.raw_os_error() == Some(ERROR_INSUFFICIENT_BUFFER.cast_signed())
                        && room.len() < 128 * 1024 =>
                {
                    room.resize(room.len() * 4, 0);
                }
                Err(error) => return Err(error),
            }
        }
        let most = room.len() * 8 / mem::size_of::<EVT_VARIANT>();
        let count = usize::try_from(count).unwrap_or(0).min(most);
        // SAFETY: the call has written `count` values at the start of `room`, which is aligned.
        let values = unsafe { std::slice::from_raw_parts(room.as_ptr().cast::<EVT_VARIANT>(), count) };
        let value = |index: i32| usize::try_from(index).ok().and_then(|index| values.get(index));
        let number = |index: i32| value(index).and_then(number);
        // SAFETY: texts in the values lie in `room`.
        let source =
            value(EvtSystemProviderName).and_then(|value| unsafe { text(value) }).unwrap_or_default();
        let Some(record) = number(EvtSystemEventRecordId) else { return Ok(None) };
        let message = self.message(&source, event);
        let id = number(EvtSystemEventID).unwrap_or(0);
        let entry = Entry {
            at: number(EvtSystemTimeCreated).map(moment),
            level: number(EvtSystemLevel).and_then(|level| u8::try_from(level).ok()).map(our_level),
            source,
            pid: number(EvtSystemProcessID).and_then(|pid| u32::try_from(pid).ok()).filter(|pid| *pid != 0),
            text: cut(message.unwrap_or_else(|| format!("event {id}"))),
        };
        Ok(Some((record, entry)))
    }

    /// What the maker of the event says of it, in the machine's language.
    fn message(&mut self, source: &str, event: &Handle) -> Option<String> {
        if self.publishers.len() >= PUBLISHERS_LIMIT {
            self.publishers.clear();
        }
        let publisher = self.publishers.entry(source.to_owned()).or_insert_with(|| {
            let name = wide(source);
            // SAFETY: the name is zero-terminated; no file is named.
            Handle::new(unsafe { EvtOpenPublisherMetadata(0, name.as_ptr(), ptr::null(), 0, 0) }).ok()
        });
        let publisher = publisher.as_ref()?;
        let mut room = vec![0u16; 2048];
        let mut used = 0;
        loop {
            let length = u32::try_from(room.len()).ok()?;
            // SAFETY: both handles are open; `room` is writable for the length given.
            let told = check(unsafe {
                EvtFormatMessage(
                    publisher.0,
                    event.0,
                    0,
                    0,
                    ptr::null(),
                    EvtFormatMessageEvent,
                    length,
                    room.as_mut_ptr(),
                    &raw mut used,
                )
            });
            match told {
                Ok(()) => return Some(narrow(&room).to_string_lossy().trim().to_owned()),
                Err(error)
                    if error.raw_os_error() == Some(ERROR_INSUFFICIENT_BUFFER.cast_signed())
                        && room.len() < MESSAGE_LIMIT =>
                {
                    room.resize(room.len() * 4, 0);
                }
                Err(_) => return None,
            }
        }
    }
}

fn number(value: &EVT_VARIANT) -> Option<u64> {
    let kind = i32::try_from(value.Type).ok()?;
    // SAFETY: the kind says which of the fields was written.
    unsafe {
        if kind == EvtVarTypeByte {
            Some(value.Anonymous.ByteVal.into())
        } else if kind == EvtVarTypeUInt16 {
            Some(value.Anonymous.UInt16Val.into())
        } else if kind == EvtVarTypeUInt32 {
            Some(value.Anonymous.UInt32Val.into())
        } else if kind == EvtVarTypeUInt64 {
            Some(value.Anonymous.UInt64Val)
        } else if kind == EvtVarTypeFileTime {
            Some(value.Anonymous.FileTimeVal)
        } else {
            None
        }
    }
}

/// # Safety
/// A text in the value is zero-terminated and lives during the call.
unsafe fn text(value: &EVT_VARIANT) -> Option<String> {
    if i32::try_from(value.Type).ok()? != EvtVarTypeString {
        return None;
    }
    // SAFETY: the kind says that it is a text; the caller vouches for that.
    let text = unsafe { copy_text(value.Anonymous.StringVal.cast_mut()) };
    Some(text.to_string_lossy().into_owned())
}

/// The moment so many units of 100 ns after 1601.
fn moment(units: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(units / 10).saturating_sub(EPOCH)
}
