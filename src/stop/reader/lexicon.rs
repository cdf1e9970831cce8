//! Word lists with a small pattern language, matched over folded signs.

use std::collections::HashMap;

/// Most signs that may stand where a pattern has a space.
const GAP: usize = 6;
/// Ends a clause; no pattern crosses it.
pub(super) const BREAK: char = ',';
/// Opens a sender name, so mostly an advertisement that was quoted.
pub(super) const QUOTE: char = '【';
/// Stands where a masked phrase stood.
pub(super) const MASK: char = '□';

/// The lines of a data file that are neither blank nor a comment.
pub(super) fn lines(file: &'static str) -> impl Iterator<Item = &'static str> {
    file.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// One place of a pattern: any of `words`, after a gap or not.
#[derive(Debug)]
struct Step {
    gap: bool,
    words: Vec<Vec<char>>,
}

/// A list of patterns: `a|b` alternatives, `+` adjacency, a space a gap of up to [`GAP`] signs.
///
/// Matching is indexed by the first sign, and every pattern has a bounded reach, so a scan is linear in the text.
#[derive(Debug)]
pub(super) struct Lexicon {
    patterns: Vec<Vec<Step>>,
    by_first: HashMap<char, Vec<(usize, usize)>>,
}

impl Lexicon {
    pub(super) fn new(file: &'static str) -> Self {
        let patterns: Vec<_> = lines(file).map(parse).collect();
        let mut by_first: HashMap<char, Vec<(usize, usize)>> = HashMap::new();
        for (at, pattern) in patterns.iter().enumerate() {
            for (alternative, word) in pattern[0].words.iter().enumerate() {
                if let Some(&first) = word.first() {
                    by_first.entry(first).or_default().push((at, alternative));
                }
            }
        }
        Self { patterns, by_first }
    }

    /// Where the longest match that starts at `at` ends.
    pub(super) fn end_at(&self, text: &[char], at: usize) -> Option<usize> {
        let candidates = self.by_first.get(text.get(at)?)?;
        let ends = candidates.iter().filter_map(|&(pattern, alternative)| {
            let steps = &self.patterns[pattern];
            let word = &steps[0].words[alternative];
            text[at..].starts_with(word).then(|| rest_end(&steps[1..], text, at + word.len())).flatten()
        });
        ends.max()
    }

    /// Whether any pattern matches anywhere.
    pub(super) fn found_in(&self, text: &[char]) -> bool {
        (0..text.len()).any(|at| self.end_at(text, at).is_some())
    }

    /// Strikes out every match, leftmost and longest first, but none that reaches over a word of messages:
    /// `快递收到了 取消订阅` must keep its refusal.
    pub(super) fn mask(&self, text: &[char]) -> Vec<char> {
        self.strike_if(text, |at, end| !speaks_of_messages(text, at, end))
    }

    /// Strikes out every match, leftmost and longest first.
    pub(super) fn strike(&self, text: &[char]) -> Vec<char> {
        self.strike_if(text, |_, _| true)
    }

    fn strike_if(&self, text: &[char], allowed: impl Fn(usize, usize) -> bool) -> Vec<char> {
        let mut out = Vec::with_capacity(text.len());
        let mut at = 0;
        while at < text.len() {
            match self.end_at(text, at).filter(|&end| allowed(at, end)) {
                Some(end) => {
                    out.push(MASK);
                    at = end;
                }
                None => {
                    out.push(text[at]);
                    at += 1;
                }
            }
        }
        out
    }
}

/// Whether a match holds a word of messages, or is followed by one that it would cut from its verb.
fn speaks_of_messages(text: &[char], at: usize, end: usize) -> bool {
    const INSIDE: [[char; 2]; 5] = [['短', '信'], ['广', '告'], ['推', '送'], ['推', '销'], ['消', '息']];
    // `广告别发我` holds no `告别`.
    let cuts = at > 0 && INSIDE.iter().any(|word| text[at - 1..].starts_with(word));
    const NEXT: [[char; 2]; 6] = [['短', '信'], ['广', '告'], ['推', '送'], ['推', '销'], ['订', '阅'], ['关', '注']];
    cuts || text[at..end].windows(2).any(|pair| INSIDE.iter().any(|word| pair == word))
        || NEXT.iter().any(|word| text[end..].starts_with(word))
}

fn parse(line: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    for part in line.split_whitespace() {
        for (place, step) in part.split('+').filter(|step| !step.is_empty()).enumerate() {
            let words = step.split('|').filter(|word| !word.is_empty()).map(|word| word.chars().collect()).collect();
            steps.push(Step { gap: place == 0, words });
        }
    }
    steps
}

fn rest_end(steps: &[Step], text: &[char], at: usize) -> Option<usize> {
    let Some((step, rest)) = steps.split_first() else {
        return Some(at);
    };
    let reach = if step.gap { GAP } else { 0 };
    let mut best = None;
    for start in at..=(at + reach).min(text.len()) {
        if start > at && matches!(text[start - 1], BREAK | QUOTE | MASK) {
            break;
        }
        for word in step.words.iter().filter(|word| text[start..].starts_with(word)) {
            best = best.max(rest_end(rest, text, start + word.len()));
        }
    }
    best
}

/// Plain words, for peeling a text from one end to the other.
#[derive(Debug)]
pub(super) struct Words(HashMap<char, Vec<Vec<char>>>);

impl Words {
    pub(super) fn new(files: &[&'static str]) -> Self {
        let mut by_first: HashMap<char, Vec<Vec<char>>> = HashMap::new();
        for line in files.iter().flat_map(|file| lines(file)) {
            let word: Vec<char> = line.chars().collect();
            by_first.entry(word[0]).or_default().push(word);
        }
        for words in by_first.values_mut() {
            words.sort_by_key(|word| std::cmp::Reverse(word.len()));
        }
        Self(by_first)
    }

    /// The lengths of the words that start at `at`, longest first.
    pub(super) fn lengths_at<'a>(&'a self, text: &'a [char], at: usize) -> impl Iterator<Item = usize> + 'a {
        let words = text.get(at).and_then(|first| self.0.get(first));
        words.into_iter().flatten().filter(move |word| text[at..].starts_with(word)).map(Vec::len)
    }

    /// Whether `text` is one of the words.
    pub(super) fn holds(&self, text: &[char]) -> bool {
        self.lengths_at(text, 0).any(|length| length == text.len())
    }
}
