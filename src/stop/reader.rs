//! What a person wants who answers a message.
//!
//! A reply is folded (width, case, look-alike and traditional forms, invisible signs) and shown to ordered layers:
//! bare commands, copied hints, phrases that only look like a refusal, complaints, refusals, affirmatives. Each layer
//! is a word list under `data/replies`. The law asks for a clear refusal in any words (`R-OPT-3`), and no list holds them
//! all: prose is weighed as well, piece by piece (`weights.csv`). Where both look at a text, the lists' refusal stands unless
//! the weights speak clearly against it, and theirs counts where the lists found none: a doubt about a stop is a stop.

mod folded;
mod lexicon;
mod weights;

use std::sync::LazyLock;

use folded::{Folded, from_pinyin};
use lexicon::{BREAK, Lexicon, MASK, QUOTE, Words, lines};
use weights::Weight;

/// How far a refusal reaches. [`Intent::Yes`] and [`Intent::Other`] always carry [`Breadth::Sender`].
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Breadth {
    /// Everyone who might send: "all shops", `STOPALL`, `00000`.
    Everyone,
    /// The owner whose message was answered.
    Sender,
}

/// What the person wants.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Intent {
    /// No more marketing, and a case to look into.
    Complaint,
    /// Neither a refusal nor a consent: an order question, thanks, noise.
    Other,
    /// No more marketing.
    Stop,
    /// An affirmative; it counts only as the answer to a logged consent request.
    Yes,
}

/// A reply, read.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Reading {
    /// What the person wants.
    pub intent: Intent,
    /// How far a refusal reaches.
    pub breadth: Breadth,
    /// Stable name of the rule that decided, for the record.
    pub rule: &'static str,
}

/// Reads a reply.
///
/// Total and linear in the text; of a long text the first 2,000 and the last 400 signs are read.
///
/// ```
/// use optin106::stop::{Intent, read};
///
/// assert_eq!(read("Ｒ。").intent, Intent::Stop);
/// assert_eq!(read("再发我就投诉了").intent, Intent::Complaint);
/// assert_eq!(read("R码多少钱").intent, Intent::Other);
/// ```
pub fn read(text: &str) -> Reading {
    let folded = Folded::new(text);
    let (intent, rule) = decide(&folded, &free);
    let breadth = match intent {
        Intent::Complaint | Intent::Stop => breadth(&folded),
        Intent::Other | Intent::Yes => Breadth::Sender,
    };
    Reading { intent, breadth, rule }
}

macro_rules! lists {
    ($($name:ident: $kind:ident = $($file:literal),+;)*) => {
        $(static $name: LazyLock<$kind> = LazyLock::new(|| lists!(@$kind $($file),+));)*
    };
    (@Lexicon $file:literal) => { Lexicon::new(include_str!(concat!("../../data/replies/", $file))) };
    (@Words $($file:literal),+) => { Words::new(&[$(include_str!(concat!("../../data/replies/", $file))),+]) };
    (@Phrases $file:literal) => { phrases(include_str!(concat!("../../data/replies/", $file))) };
}

type Phrases = Vec<String>;

lists! {
    ALWAYS: Lexicon = "always.txt";
    BENIGN: Lexicon = "benign.txt";
    COMMANDS: Words = "commands.txt";
    COMPLAINTS: Lexicon = "complaint.txt";
    COMPLAINTS_EN: Phrases = "complaint_en.txt";
    DOUBT: Lexicon = "doubt.txt";
    EVERYONE: Lexicon = "everyone.txt";
    FILLERS: Words = "fillers.txt";
    GOODS: Words = "goods.txt";
    HOLD: Lexicon = "hold.txt";
    LOOSE: Lexicon = "loose.txt";
    MASKS: Lexicon = "masks.txt";
    MASKS_EN: Phrases = "masks_en.txt";
    NEGATORS: Words = "negators.txt";
    NUMBERS: Words = "numbers.txt";
    ORDER: Lexicon = "order.txt";
    ORDER_EN: Phrases = "order_en.txt";
    OWN_SENDER: Lexicon = "own_sender.txt";
    POLITE: Words = "polite.txt";
    REFUSALS: Lexicon = "refusals.txt";
    REFUSALS_EN: Phrases = "refusals_en.txt";
    SOLE: Words = "sole.txt";
    TAILS: Words = "tails.txt";
    WANTS: Lexicon = "wants.txt";
    WEAK: Lexicon = "weak.txt";
    WHERE: Lexicon = "ask_where.txt";
    YES: Words = "yes.txt";
}

/// A command letter that is part of a word of goods.
static SIZES: LazyLock<Lexicon> = LazyLock::new(|| {
    Lexicon::new(
        "r|t|td+码|恤|号|型|款|系|牌|档|裤|台|卡|级|字|口|区|币|图|裙|客|网|线|还|有|的|是|码|能|可|多|怎|什\n",
    )
});

/// Kinds of verb after a negator.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Verb {
    /// Also used of goods.
    Send,
    /// Only ever about messages.
    Strong,
    /// Counts only without talk of orders.
    Weak,
}

static VERBS: LazyLock<Vec<(Vec<char>, Verb)>> = LazyLock::new(|| {
    let rows = lines(include_str!("../../data/replies/verbs.txt")).filter_map(|line| line.split_once(','));
    let kind = |kind| match kind {
        "strong" => Verb::Strong,
        "send" => Verb::Send,
        _ => Verb::Weak,
    };
    rows.map(|(verb, name)| (verb.chars().collect(), kind(name))).collect()
});

/// Words of messages, and of what else carries information.
static MESSAGES: LazyLock<Lexicon> =
    LazyLock::new(|| Lexicon::new("短信\n信息\n消息\n广告\n推销\n推送\n彩信\n推广\n营销\n促销\n"));

/// Words that are only ever about messages.
static ADS: LazyLock<Lexicon> = LazyLock::new(|| Lexicon::new("广告\n推销\n推送\n发短信\n垃圾短信\n营销\n"));

/// Reads free text; with or without weighing.
type Free = dyn Fn(&Folded) -> (Intent, &'static str);

fn phrases(file: &'static str) -> Phrases {
    lines(file).map(|line| format!(" {line} ")).collect()
}

fn decide(folded: &Folded, free: &Free) -> (Intent, &'static str) {
    if folded.compact.is_empty() {
        return (Intent::Other, "blank");
    }
    // Masked first: `不要退订` is made of two commands and is none.
    if is_command(&masked(&folded.compact)) {
        return (Intent::Stop, "command");
    }
    if is_yes(&folded.compact) && !asks_how(&folded.compact) {
        return (Intent::Yes, "yes");
    }
    if let Some(hint) = hint(&folded.text) {
        return quoted(&folded.text, hint, free);
    }
    let reading = free(folded);
    if reading.0 == Intent::Other
        && let Some(han) = from_pinyin(&folded.compact)
    {
        let folded = Folded::new(&han);
        if is_command(&masked(&folded.compact)) {
            return (Intent::Stop, "pinyin");
        }
        return free(&folded);
    }
    reading
}

/// Struck of everything that holds the words of a refusal and is none.
fn masked(text: &[char]) -> Vec<char> {
    MASKS.mask(&WANTS.strike(text))
}

/// A refusal by the lists falls only when the weights speak against it by more than this, in hundredths.
const KEEP: i32 = -100;
/// The weights alone make a refusal from here on.
const TURN: i32 = 50;
/// From here on a stop is taken for a complaint; a complaint by the lists stays one.
const CLEARLY: i32 = 100;

/// Free text: the lists first, then what the pieces weigh.
fn free(folded: &Folded) -> (Intent, &'static str) {
    let (intent, rule) = by_lists(folded);
    if matches!(rule, "command-first" | "command-last" | "complaint-number") {
        return (intent, rule);
    }
    let weight = Weight::of(&folded.text);
    match intent {
        Intent::Complaint | Intent::Stop if weight.refusal() <= KEEP => match weight.yes() > 0 {
            true => (Intent::Yes, "weighed-yes"),
            false => (Intent::Other, "weighed"),
        },
        Intent::Stop if weight.complaint() > CLEARLY => (Intent::Complaint, "weighed-complaint"),
        Intent::Complaint | Intent::Stop => (intent, rule),
        Intent::Other | Intent::Yes if weight.refusal() > TURN => match weight.complaint() > 0 {
            true => (Intent::Complaint, "weighed-complaint"),
            false => (Intent::Stop, "weighed-refusal"),
        },
        Intent::Other if weight.yes() > 0 => (Intent::Yes, "weighed-yes"),
        Intent::Other | Intent::Yes => (intent, rule),
    }
}

/// Free text by the word lists: no bare command, no copied hint.
fn by_lists(folded: &Folded) -> (Intent, &'static str) {
    let masked = masked(&folded.text);
    let words = strike(&folded.words, &MASKS_EN);
    let masked_clauses: Vec<Vec<char>> = folded.clauses.iter().map(|clause| self::masked(clause)).collect();
    let order = ORDER.found_in(&folded.text) || contains(&folded.words, &ORDER_EN);

    if is_complaint_number(&folded.text) {
        return (Intent::Complaint, "complaint-number");
    }
    if COMPLAINTS.found_in(&masked) || contains(&words, &COMPLAINTS_EN) {
        return (Intent::Complaint, "complaint");
    }
    if REFUSALS.found_in(&masked) || ALWAYS.found_in(&folded.text) {
        return (Intent::Stop, "refusal");
    }
    if contains(&words, &REFUSALS_EN) && !order || has_unsubscribe(&words) {
        return (Intent::Stop, "refusal-en");
    }
    if negated_sending(&masked, order, || holds_parcel(folded)) {
        return (Intent::Stop, "no-sending");
    }
    if WEAK.found_in(&masked) && (!order || ADS.found_in(&masked)) {
        return (Intent::Stop, "weak-refusal");
    }
    if first_clause_is_command(folded) {
        return (Intent::Stop, "command-first");
    }
    if last_clause_is_command(folded) {
        return (Intent::Stop, "command-last");
    }
    if order {
        return (Intent::Other, "order");
    }
    // A Latin command must be the only Latin word: `R u there`, `no problem`.
    let alone = folded.words.split_whitespace().count() <= 1;
    let command = |clause: &Vec<char>| match clause.iter().any(char::is_ascii_alphabetic) {
        true => alone && is_command(clause),
        false => peel(clause, &|_| false, &COMMANDS),
    };
    if masked_clauses.iter().any(command) {
        return (Intent::Stop, "command-clause");
    }
    if command_at_edge(&folded.text) && is_set_off(folded) && !is_question(folded) {
        return (Intent::Stop, "command-edge");
    }
    if names_goods(&folded.text) && !ADS.found_in(&masked) {
        return (Intent::Other, "goods");
    }
    if LOOSE.found_in(&masked) {
        return (Intent::Stop, "loose-refusal");
    }
    if DOUBT.found_in(&masked) && !BENIGN.found_in(&folded.text) {
        return (Intent::Stop, "doubt");
    }
    (Intent::Other, "none")
}

/// A command, alone or with polite words: `R`, `R谢谢`, `我要退订`, `退订退订`, `TTT`, `R1`.
fn is_command(text: &[char]) -> bool {
    if SOLE.holds(text) || is_zeros(text) {
        return true;
    }
    peel(text, &|run| is_command_run(run), &COMMANDS)
}

/// `0000`, also with letters for the digits.
fn is_zeros(text: &[char]) -> bool {
    (4..=8).contains(&text.len()) && text.iter().all(|c| matches!(c, '0' | 'o' | '零' | '〇'))
}

fn is_yes(text: &[char]) -> bool {
    YES.holds(text) || peel(text, &|run| matches!(run, ['y'] | ['y', 'y'] | ['y', 'e', 's']), &YES)
}

/// Longest text that is tried as command and politeness; a longer one is prose.
const COMMAND_REACH: usize = 64;

/// Whether the text is nothing but core words and [`POLITE`] ones, with at least one core.
fn peel(text: &[char], latin: &dyn Fn(&[char]) -> bool, core: &Words) -> bool {
    if text.len() > COMMAND_REACH {
        return false;
    }
    // For each place: reachable without a core, with a core.
    let mut reach = vec![[false; 2]; text.len() + 1];
    reach[0][0] = true;
    for at in 0..text.len() {
        let [plain, cored] = reach[at];
        if !plain && !cored {
            continue;
        }
        if text[at].is_ascii_alphanumeric() {
            let run = text[at..].iter().take_while(|c| c.is_ascii_alphanumeric()).count();
            if latin(&text[at..at + run]) {
                reach[at + run][1] = true;
            }
            continue;
        }
        for length in core.lengths_at(text, at) {
            reach[at + length][1] = true;
        }
        for length in POLITE.lengths_at(text, at) {
            let next = &mut reach[at + length];
            next[0] |= plain;
            next[1] |= cored;
        }
    }
    reach[text.len()][1]
}

/// One Latin command: repeated letters, doubled words, a stray digit.
fn is_command_run(run: &[char]) -> bool {
    if is_zeros(run) {
        return true;
    }
    let letters: Vec<char> = match run {
        [head @ .., last] if last.is_ascii_digit() && !head.is_empty() => head.to_vec(),
        [first, tail @ ..] if first.is_ascii_digit() && !tail.is_empty() => tail.to_vec(),
        _ => run.to_vec(),
    };
    if letters.iter().any(char::is_ascii_digit) {
        return false;
    }
    const REPEATED: [&str; 7] = ["r", "t", "n", "td", "qx", "stop", "tuiding"];
    const WHOLE: [&str; 8] =
        ["unsubscribe", "unsub", "stopall", "optout", "tuidin", "quxiaodingyue", "unsubscribeall", "stopstopall"];
    let text: String = letters.iter().collect();
    !text.is_empty()
        && (WHOLE.contains(&text.as_str())
            || REPEATED.iter().any(|word| text.len().is_multiple_of(word.len()) && text.replace(word, "").is_empty()))
}

/// Where the printed hint stands in the text, if it was copied: `拒收请回复R`, `回T退订`, `退订回TD`.
fn hint(text: &[char]) -> Option<std::ops::Range<usize>> {
    static BEFORE: LazyLock<Lexicon> = LazyLock::new(|| {
        Lexicon::new(
            "拒收|退订|不想收|取消|取消订阅|拒接+请回复|请回|回复|回|请发|发送|发|请按|按+td|r|t|n|qx|0000|退订|拒收\n",
        )
    });
    static AFTER: LazyLock<Lexicon> = LazyLock::new(|| {
        Lexicon::new(
            "请回复|请回|回复|回|请发|发送|发+td|r|t|n|qx|0000+退订|拒收|可退订|可拒收|取消|即可退订|以退订|取消订阅\n",
        )
    });
    let at = |at: usize| BEFORE.end_at(text, at).max(AFTER.end_at(text, at)).map(|end| at..end);
    (0..text.len()).rev().find_map(at).map(|hint| {
        // `回复R拒收` starts earlier than the `拒收` inside it.
        (hint.start.saturating_sub(4)..hint.start).find_map(at).filter(|wider| wider.end >= hint.end).unwrap_or(hint)
    })
}

/// A copied advertisement or hint: what was added decides, and without an addition the copy is the refusal.
fn quoted(text: &[char], hint: std::ops::Range<usize>, free: &Free) -> (Intent, &'static str) {
    let quote = text[..hint.start].iter().position(|&c| c == QUOTE);
    let before = &text[..quote.unwrap_or(hint.start)];
    let added: String = text[hint.end..].iter().collect();
    let lead: String = before.iter().collect();
    let ad = quote.is_some() || before.len() > 12;
    // Without a sender name nobody can tell where the advertisement starts, so only what follows is the person's.
    let parts: &[&String] = if quote.is_some() || !ad { &[&added, &lead] } else { &[&added] };
    let mut question = false;
    for part in parts.iter().filter(|part| !part.trim_matches([BREAK, MASK]).is_empty()) {
        let folded = Folded::new(part);
        let (intent, _) = if is_command(&folded.compact) { (Intent::Stop, "") } else { free(&folded) };
        match intent {
            Intent::Complaint => return (Intent::Complaint, "quoted-complaint"),
            Intent::Stop => return (Intent::Stop, "quoted-stop"),
            Intent::Other | Intent::Yes => question |= is_question(&folded),
        }
    }
    if question { (Intent::Other, "quoted-question") } else { (Intent::Stop, "hint") }
}

fn is_question(folded: &Folded) -> bool {
    static ASKS: LazyLock<Lexicon> = LazyLock::new(|| {
        Lexicon::new(
            "怎么\n什么\n吗\n多少\n哪\n几\n呢\n如何\n谁\n咨询\n请问\n好的\n收到\n谢谢\n不错\n想买\n要买\n来一\n能用\n能不能\n有没有\n是不是\n可以\n",
        )
    });
    ASKS.found_in(&folded.text) || ORDER.found_in(&folded.text)
}

/// Refusals of the form *do not* + *send me*, unless goods follow or the talk is of holding a parcel back.
fn negated_sending(text: &[char], order: bool, holds_parcel: impl Fn() -> bool) -> bool {
    (0..text.len()).any(|at| {
        NEGATORS.lengths_at(text, at).any(|length| match verb_after(text, at + length) {
            None => false,
            Some((_, Verb::Strong)) => true,
            Some((end, _)) if goods_after(text, end) => false,
            Some((_, Verb::Weak)) => !order,
            Some((_, Verb::Send)) => !holds_parcel(),
        })
    })
}

/// Most filler words between the negator and its verb.
const FILLERS_MOST: usize = 6;

fn verb_after(text: &[char], start: usize) -> Option<(usize, Verb)> {
    let mut at = start;
    let mut weak = None;
    for _ in 0..=FILLERS_MOST {
        let here = VERBS.iter().filter(|(verb, _)| text[at..].starts_with(verb)).max_by_key(|(verb, _)| verb.len());
        match here {
            Some((verb, kind @ (Verb::Send | Verb::Strong))) => {
                return Some((at + verb.len(), *kind));
            }
            // `来` and `收到` are fillers too: a clearer verb may follow.
            Some((verb, Verb::Weak)) => weak = weak.or(Some((at + verb.len(), Verb::Weak))),
            None => {}
        }
        match FILLERS.lengths_at(text, at).next() {
            Some(length) => at += length,
            None => break,
        }
    }
    weak
}

fn goods_after(text: &[char], end: usize) -> bool {
    let clause = text[end..].iter().position(|c| matches!(*c, BREAK | QUOTE)).map_or(text.len(), |length| end + length);
    if ADS.found_in(&text[end..clause.min(end + 8)]) || MESSAGES.found_in(&text[end..clause.min(end + 8)]) {
        return false;
    }
    let mut at = end;
    for _ in 0..3 {
        if text.get(at) == Some(&MASK) || GOODS.lengths_at(text, at).next().is_some() {
            return true;
        }
        match TAILS.lengths_at(text, at).next() {
            Some(length) => at += length,
            None => return false,
        }
    }
    GOODS.lengths_at(text, at).next().is_some()
}

/// Goods named anywhere, in words that cannot mean anything else.
fn names_goods(text: &[char]) -> bool {
    (0..text.len()).any(|at| GOODS.lengths_at(text, at).any(|length| length > 1))
}

/// Someone who holds a parcel back and does not speak of messages.
fn holds_parcel(folded: &Folded) -> bool {
    let text = WHERE.mask(&folded.text);
    let refund =
        folded.clauses.iter().any(|clause| matches!(clause.as_slice(), ['退', '款'] | ['退', '货'] | ['退', '钱']));
    (refund || HOLD.found_in(&text)) && !MESSAGES.found_in(&text)
}

/// `T 烦死了`, `N…`: a command letter at one end of a Han text, set off by anything but a Han sign of its own word.
fn command_at_edge(text: &[char]) -> bool {
    let latin = |c: &&char| c.is_ascii_alphanumeric();
    let head = text.iter().take_while(latin).count();
    let tail = text.iter().rev().take_while(latin).count();
    let others = text[head..text.len() - tail.min(text.len() - head)].iter().any(char::is_ascii_alphanumeric);
    let sure = |run: &[char]| matches!(run, ['r'] | ['t', 'd'] | ['t'] | ['q', 'x'] | ['r', 'r']);
    !others
        && head < text.len()
        && SIZES.end_at(text, 0).is_none()
        && (sure(&text[..head]) || sure(&text[text.len() - tail..]))
}

/// `R 另外我的退款呢`: a sure command set off from the rest stands, whatever follows; `R 码` and `T 恤` are one word.
fn first_clause_is_command(folded: &Folded) -> bool {
    let [first, _, ..] = folded.clauses.as_slice() else {
        return false;
    };
    matches!(first.as_slice(), ['r'] | ['t'] | ['t', 'd'] | ['r', 'r'])
        && folded.words.split_whitespace().count() == 1
        && SIZES.end_at(&folded.text, 0).is_none()
}

/// `货收到了 TD`: the same at the end, unless a size or a model is told.
fn last_clause_is_command(folded: &Folded) -> bool {
    let [.., before, last] = folded.clauses.as_slice() else {
        return false;
    };
    let told = |c: &char| "码号型款选是要发写成为牌叫单回寄拍买换收填".contains(*c);
    matches!(last.as_slice(), ['r'] | ['t', 'd'] | ['r', 'r'])
        && folded.words.split_whitespace().count() == 1
        && !before.last().is_none_or(told)
        && !is_question_word(before)
}

fn asks_how(text: &[char]) -> bool {
    text.windows(2).any(|pair| matches!(pair, ['怎', _] | ['如', '何'] | ['咋', _] | ['你', '是']))
}

fn is_question_word(text: &[char]) -> bool {
    text.iter().any(|c| matches!(c, '吗' | '呢' | '哪' | '几' | '什' | '谁'))
}

/// Whether a Latin command stands apart, or what it is joined to is no name: `R 谢了`, `TD了`, not `TD软件`.
fn is_set_off(folded: &Folded) -> bool {
    let latin = |clause: &&Vec<char>| clause.iter().any(char::is_ascii_alphanumeric);
    let joined = folded.clauses.iter().find(latin);
    joined.is_none_or(|clause| {
        let han: Vec<char> = clause.iter().copied().filter(|c| !c.is_ascii_alphanumeric()).collect();
        let polite =
            POLITE.lengths_at(&han, 0).next().is_some() || matches!(han.as_slice(), ['发' | '回' | '按' | '退', ..]);
        han.is_empty() || han.len() > 3 || polite || DOUBT.found_in(&han)
    })
}

fn is_complaint_number(text: &[char]) -> bool {
    text.split(|c| !c.is_ascii_digit()).any(|run| NUMBERS.holds(run))
}

/// `unsubscribe` in any spelling, and pinyin that runs on.
fn has_unsubscribe(words: &str) -> bool {
    words.split(' ').any(|word| {
        !word.contains("subs") || word.starts_with("uns") || word.starts_with("un") || word.starts_with("desub")
    } && near_unsubscribe(word))
        || words.contains(" tui ding ")
        || words.contains(" bie fa ")
        || words.contains(" bie zai fa ")
        || words.contains(" bu yao zai fa ")
        || words.contains(" bu yao fa le ")
        || words.contains(" qu xiao ding yue ")
}

/// Most edits that still leave the word readable.
const EDITS_MOST: usize = 3;

fn near_unsubscribe(word: &str) -> bool {
    const WORD: &[u8] = b"unsubscribe";
    let word = word.as_bytes();
    if !(8..=14).contains(&word.len()) || word[0] != b'u' {
        return false;
    }
    let mut row: Vec<usize> = (0..=WORD.len()).collect();
    for (i, &a) in word.iter().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, &b) in WORD.iter().enumerate() {
            let cost = corner + usize::from(a != b);
            corner = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(corner + 1);
        }
    }
    row[WORD.len()] <= EDITS_MOST
}

fn contains(words: &str, phrases: &[String]) -> bool {
    phrases.iter().any(|phrase| words.contains(phrase.as_str()))
}

fn strike(words: &str, phrases: &[String]) -> String {
    phrases.iter().fold(words.to_owned(), |words, phrase| words.replace(phrase.as_str(), " _ "))
}

fn breadth(folded: &Folded) -> Breadth {
    let exact_zeros = folded.compact.len() >= 5 && folded.compact.iter().all(|&c| c == '0');
    let all = EVERYONE.found_in(&folded.compact) && !OWN_SENDER.found_in(&folded.compact);
    let english = folded.words.contains(" stop all ") || folded.words.contains(" all messages ");
    if exact_zeros || all || english { Breadth::Everyone } else { Breadth::Sender }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intent(text: &str) -> Intent {
        read(text).intent
    }

    /// Writes what `data/replies/weigh.py` learns from: for every row of the CSV files in `OPTIN106_CORPUS` (joined with
    /// `:`) a line of file, label, intent and rule before weighing, and the folded text.
    #[test]
    #[ignore = "a measurement"]
    fn folded_corpus() {
        use std::io::Write;
        let Some(paths) = std::env::var_os("OPTIN106_CORPUS") else { return };
        let mut out = std::fs::File::create(std::env::var_os("OPTIN106_FOLDED").unwrap()).unwrap();
        for path in std::env::split_paths(&paths) {
            for row in csv::Reader::from_path(&path).unwrap().records() {
                let row = row.unwrap();
                let folded = Folded::new(&row[0]);
                let (intent, rule) = decide(&folded, &by_lists);
                let text: String = folded.text.iter().map(|&c| if c == BREAK { '|' } else { c }).collect();
                let name = path.file_stem().unwrap().to_string_lossy();
                writeln!(out, "{name}\t{}\t{intent:?}\t{rule}\t{text}", &row[1]).unwrap();
            }
        }
    }

    #[test]
    fn commands_survive_decoration() {
        let commands = ["R", "T", "TD", "N", "QX", "退订", "拒收", "STOP", "取消订阅", "0000", "别发了", "拒收请回复R"];
        let around = [
            "",
            " ",
            "\u{3000}",
            "\u{200B}",
            "\u{FEFF}",
            "\u{202E}",
            "\u{FE0F}",
            "🙏",
            "🙅\u{200D}♀\u{FE0F}",
            "。",
            "!!",
            "“",
            "」",
            "(",
            "~",
            "*",
            "\n",
            "\u{AD}",
            "…",
        ];
        for command in commands {
            for left in around {
                for right in around {
                    let wide: String = command.chars().map(widen).collect();
                    let spaced: String = command.chars().flat_map(|c| [c, '\u{200B}', ' ']).collect();
                    for form in [command.to_owned(), command.to_lowercase(), wide, spaced] {
                        let text = format!("{left}{form}{right}");
                        assert_eq!(intent(&text), Intent::Stop, "{text:?}");
                    }
                }
            }
        }
    }

    fn widen(c: char) -> char {
        if c.is_ascii_graphic() { char::from_u32(u32::from(c) + 0xFEE0).unwrap() } else { c }
    }

    #[test]
    fn breadth_is_everyone_only_when_said() {
        for text in ["STOPALL", "00000", "全部退订", "所有商家都别发", "任何短信都不要", "stop all"] {
            assert_eq!(read(text).breadth, Breadth::Everyone, "{text}");
        }
        for text in ["R", "0000", "退订", "别发了", "你们的所有短信都别发", "所有你们的短信都退订"]
        {
            assert_eq!(read(text).breadth, Breadth::Sender, "{text}");
        }
    }

    #[test]
    fn a_long_text_is_read_at_both_ends() {
        let filler = "啊".repeat(100_000);
        assert_eq!(intent(&format!("退订{filler}")), Intent::Stop);
        assert_eq!(intent(&format!("{filler}退订")), Intent::Stop);
        assert_eq!(intent(&filler), Intent::Other);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "\\PC{0,200}") {
            read(&text);
        }

        #[test]
        fn any_mix_of_list_words_is_read(parts in proptest::collection::vec("[退订拒收别发了不要回复RTD0-9【】, \u{200B}请货a-z]", 0..300)) {
            read(&parts.concat());
        }
    }
}
