//! What fills the placeholders of a filed template.

use super::{Blame, Consequence, Verdict};
use crate::message::holes;
use crate::message::rendition::Rendition;

/// The platform's placeholders and what fills them, in the order of their first use.
///
/// Filed text and text as seen were found equal but for the names of their placeholders, so the nth of one is the nth of
/// the other. A filed text that is not known gives the parameters as they are.
///
/// # Errors
/// The verdict of every ticket: the texts do not have the same holes, or a value is missing. Nothing is sent then.
pub(crate) fn filled(rendition: &Rendition, params: &[(String, String)]) -> Result<Vec<(String, String)>, Verdict> {
    let filed = rendition.template().map_or_else(Vec::new, |t| holes(&t.filed));
    if filed.is_empty() {
        return Ok(params.to_vec());
    }
    let seen = holes(rendition.text());
    let differs = || Verdict::rejected(Blame::Account, Consequence::Hold, "template_differs");
    if filed.len() != seen.len() {
        return Err(differs());
    }
    let mut all: Vec<(String, String)> = Vec::with_capacity(filed.len());
    for (theirs, ours) in filed.into_iter().zip(seen) {
        let (_, value) = params
            .iter()
            .find(|(name, _)| name == ours)
            .ok_or_else(|| Verdict::rejected(Blame::Content, Consequence::None, "missing_parameter"))?;
        match all.iter().find(|(name, _)| name == theirs) {
            // One placeholder cannot stand for two texts.
            Some((_, other)) if other != value => return Err(differs()),
            Some(_) => {}
            None => all.push((theirs.to_owned(), value.clone())),
        }
    }
    Ok(all)
}

/// The values by position, for platforms that number their placeholders; others keep the order of first use.
pub(crate) fn positional(filled: Vec<(String, String)>) -> Vec<String> {
    let numbered: Option<Vec<(u16, String)>> =
        filled.iter().map(|(name, value)| Some((name.parse().ok()?, value.clone()))).collect();
    match numbered {
        Some(mut numbered) => {
            numbered.sort_by_key(|(n, _)| *n);
            numbered.into_iter().map(|(_, value)| value).collect()
        }
        None => filled.into_iter().map(|(_, value)| value).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::rendition::TemplateBinding;

    fn rendition(filed: &str, text: &str) -> Rendition {
        Rendition {
            signature: "测试签名".into(),
            text: text.into(),
            template: Some(TemplateBinding { code: "1".into(), filed: filed.into() }),
            extension: None,
            parts: 1,
            price: 0,
            hash: [0; 32],
        }
    }

    fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
        list.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn values_go_where_the_filed_text_wants_them() {
        // The columns of an audience come in any order; the platform counts its own way.
        let params = pairs(&[("off", "25"), ("name", "王")]);
        let r = rendition("{2}，减{1}，{2}", "【测试签名】{name}，减{off}，{name}拒收请回复R");
        let filled = filled(&r, &params).unwrap();
        assert_eq!(filled, pairs(&[("2", "王"), ("1", "25")]));
        assert_eq!(positional(filled), ["25", "王"]);
        let r = rendition("${who}减${much}", "【测试签名】{name}减{off}拒收请回复R");
        assert_eq!(super::filled(&r, &params).unwrap(), pairs(&[("who", "王"), ("much", "25")]));
    }

    #[test]
    fn what_does_not_fit_is_not_sent() {
        let params = pairs(&[("off", "25"), ("name", "王")]);
        let outcome = |filed: &str, text: &str| filled(&rendition(filed, text), &params).unwrap_err().code;
        assert_eq!(outcome("{1}和{2}", "{name}"), "template_differs");
        assert_eq!(outcome("{1}和{1}", "{name}和{off}"), "template_differs");
        assert_eq!(outcome("{1}", "{other}"), "missing_parameter");
    }
}
