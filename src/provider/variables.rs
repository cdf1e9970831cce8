//! Personal texts for platforms that take one text with variables, and the values of each person.

use super::{Blame, Consequence, Request, Verdict, Verdicts};

/// A text with the platform's variables in place of ours, and our names of them in the order in which they stand.
pub(crate) struct Spelled<'a> {
    pub(crate) text: String,
    pub(crate) names: Vec<&'a str>,
}

/// Spells the text of a personal request with the platform's own variables.
///
/// The platform joins text and values to what the person sees, so both are joined here too and compared with the text
/// that was judged.
///
/// # Errors
/// The verdicts: the text itself holds `reserved`, the mark by which the platform knows its variables; or somebody's value
/// does, is missing, or makes another whole than the text that was judged. Nothing is sent then.
pub(crate) fn spelled<'a>(
    request: &Request<'a>,
    reserved: &str,
    variable: impl Fn(&str) -> String,
) -> Result<Spelled<'a>, Verdicts> {
    let no = |code| Verdict::rejected(Blame::Content, Consequence::None, code);
    let pieces = pieces(request.rendition().text());
    let mut spelled = Spelled { text: String::new(), names: Vec::new() };
    for piece in &pieces {
        match piece {
            Piece::Fixed(text) => spelled.text.push_str(text),
            Piece::Hole(name) => {
                spelled.text.push_str(&variable(name));
                spelled.names.push(name);
            }
        }
    }
    let fixed: String = pieces.iter().map(|p| if let Piece::Fixed(text) = p { *text } else { "" }).collect();
    if fixed.contains(reserved) {
        return Err(no("reserved_text").into());
    }
    Verdicts::parts(request, |ticket| {
        let mut whole = String::with_capacity(spelled.text.len());
        for piece in &pieces {
            whole.push_str(match piece {
                Piece::Fixed(text) => text,
                Piece::Hole(name) => value(ticket.params(), name).ok_or_else(|| no("missing_parameter"))?,
            });
        }
        if ticket.params().iter().any(|(_, value)| value.contains(reserved)) {
            return Err(no("reserved_text"));
        }
        if ticket.text() == Some(&*whole) { Ok(()) } else { Err(no("text_differs")) }
    })?;
    Ok(spelled)
}

/// The value of one of our holes.
pub(crate) fn value<'a>(params: &'a [(String, String)], name: &str) -> Option<&'a str> {
    params.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

enum Piece<'a> {
    Fixed(&'a str),
    Hole(&'a str),
}

/// The pieces of a text with holes as [`Template`](crate::message::Template) reads it: `{name}`, a doubled brace is one.
fn pieces(text: &str) -> Vec<Piece<'_>> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    while let Some(at) = rest.find(['{', '}']) {
        let (fixed, from) = rest.split_at(at);
        pieces.push(Piece::Fixed(fixed));
        let doubled = from.starts_with("{{") || from.starts_with("}}");
        match from[1..].split_once('}') {
            Some((name, after)) if !doubled && from.starts_with('{') => {
                pieces.push(Piece::Hole(name));
                rest = after;
            }
            _ => {
                pieces.push(Piece::Fixed(&from[..1]));
                rest = &from[if doubled { 2 } else { 1 }..];
            }
        }
    }
    pieces.push(Piece::Fixed(rest));
    pieces
}

#[cfg(all(test, feature = "testing", feature = "http"))]
mod tests {
    use super::super::cloud_tests::personal_batch;
    use super::*;

    fn of(source: &str, values: &[(&str, &str)]) -> Result<(String, Vec<String>), String> {
        let batch = personal_batch(source, &[values.to_vec()]);
        let request = batch.request();
        let spelled = spelled(&request, "@var(", |name| format!("@var({name})")).map_err(|v| v.get(0).code)?;
        Ok((spelled.text, spelled.names.iter().map(|n| (*n).to_owned()).collect()))
    }

    #[test]
    fn what_is_spelled_is_what_the_template_renders() {
        let values = [("off", "25"), ("name", "王")];
        let (text, names) = of("{name}，{{满}}减{off}，{name}再来", &values).unwrap();
        assert_eq!(text, "【测试签名】@var(name)，{满}减@var(off)，@var(name)再来拒收请回复R");
        assert_eq!(names, ["name", "off", "name"]);
    }

    #[test]
    fn what_the_platform_would_read_otherwise_is_not_sent() {
        assert_eq!(of("{name}，送@var(x)", &[("name", "王")]).unwrap_err(), "reserved_text");
        assert_eq!(of("您好{name}，减", &[("name", "@var(x)")]).unwrap_err(), "reserved_text");
        let mut batch = personal_batch("您好{name}，减", &[vec![("name", "王")]]);
        std::sync::Arc::make_mut(&mut batch.rendition).text = "【测试签名】您好{other}，减拒收请回复R".into();
        let verdict = spelled(&batch.request(), "@var(", str::to_owned).err().unwrap().get(0);
        assert_eq!(verdict.code, "missing_parameter");
        std::sync::Arc::make_mut(&mut batch.rendition).text = "【测试签名】你好{name}，减拒收请回复R".into();
        let verdict = spelled(&batch.request(), "@var(", str::to_owned).err().unwrap().get(0);
        assert_eq!(
            (verdict.code.as_str(), verdict.outcome),
            ("text_differs", super::super::Outcome::Rejected(Blame::Content))
        );
    }
}
