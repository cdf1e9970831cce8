use super::table::width;
use super::*;
use crate::phone::Phone;
use proptest::prelude::*;

fn variant(s: &str) -> VariantName {
    VariantName::new(s).unwrap()
}

fn account(s: &str) -> AccountId {
    AccountId::new(s).unwrap()
}

fn funnel() -> Funnel {
    let no_consent = Bucket::Refused("no_consent".into());
    let share = |v: &str, entries, parts, cost| Share {
        variant: variant(v),
        account: account("aliyun"),
        entries,
        parts,
        cost: Money::from_ten_thousandths(cost),
    };
    Funnel {
        total_entries: 20,
        buckets: BTreeMap::from([
            (Bucket::Ready, 10),
            (Bucket::Later, 2),
            (no_consent.clone(), 5),
            (Bucket::Duplicate, 1),
            (Bucket::BadRow("invalid_number".into()), 2),
        ]),
        why: BTreeMap::from([(no_consent, Why { zh: "没有同意记录".into(), en: "no opt-in is recorded".into() })]),
        ready: 10,
        next_open: Some(Timestamp::from_millis(0)),
        parts: 14,
        cost: Money::from_ten_thousandths(5460),
        shares: vec![share("A", 7, 8, 3120), share("B", 5, 6, 2340)],
        finish: None,
        warnings: vec!["budget covers 10 of 12".into()],
        ..Funnel::new(CampaignName::new("双12").unwrap())
    }
}

#[test]
fn a_funnel_adds_up_or_says_where_not() {
    let good = funnel();
    assert_eq!(good.check(), Ok(()));
    assert_eq!(Funnel::new(good.campaign.clone()).check(), Ok(()));
    type Break = fn(&mut Funnel);
    let breaks: [(&str, Break); 6] = [
        ("buckets", |f| f.total_entries += 1),
        ("ready", |f| f.ready -= 1),
        ("entries of the shares", |f| f.shares[0].entries += 1),
        ("parts of the shares", |f| f.parts += 1),
        ("cost of the shares", |f| f.cost = Money::ZERO),
        ("buckets", |f| *f.buckets.get_mut(&Bucket::Later).unwrap() = u64::MAX),
    ];
    for (what, spoil) in breaks {
        let mut f = good.clone();
        spoil(&mut f);
        assert_eq!(f.check().unwrap_err().what, what);
    }
}

#[test]
fn a_funnel_prints_in_columns() {
    let shown = funnel().to_string();
    let want = "\
活动 campaign 双12
          code            entries  why
可发送    ready                10
稍后发送  later                 2
不可发送  no_consent            5  没有同意记录
重复号码  duplicate             1
无效数据  invalid_number        2
合计      total                20

variant  account  entries  parts    cost
A        aliyun         7      8  0.3120
B        aliyun         5      6  0.2340

计费条数 parts      14
费用 cost           0.5460 元
最早可发 next open  1970-01-01T08:00:00+08:00
预计完成 finish     -
! budget covers 10 of 12
";
    assert_eq!(shown, want);
}

#[test]
fn a_funnel_as_json() {
    let v = funnel().to_json();
    assert_eq!(v["buckets"][2]["kind"], "refused");
    assert_eq!(v["buckets"][2]["code"], "no_consent");
    assert_eq!(v["buckets"][2]["zh"], "没有同意记录");
    assert_eq!(v["cost"]["yuan"], "0.5460");
    assert_eq!(v["shares"][1]["account"], "aliyun");
    assert!(v["finish"].is_null());
}

fn report() -> Report {
    use State::*;
    let figures = |d, u, r, parts, cost| Figures {
        counts: BTreeMap::from([(Delivered, d), (Undelivered, u), (Refused, r)]),
        stops: 1,
        parts,
        cost: Money::from_ten_thousandths(cost),
    };
    let of_account =
        Figures { counts: BTreeMap::from([(Delivered, 9), (Undelivered, 3)]), ..figures(0, 0, 0, 13, 5070) };
    Report {
        started: Some(Timestamp::from_millis(0)),
        planned: 15,
        figures: figures(9, 3, 3, 13, 5070),
        reasons: BTreeMap::from([((Refused, "stopped".into()), 3), ((Undelivered, "MK:0001".into()), 2)]),
        why: BTreeMap::from([("stopped".into(), Why { zh: "已退订".into(), en: "unsubscribed".into() })]),
        variants: BTreeMap::from([
            (variant("A"), figures(5, 1, 1, 7, 2730)),
            (variant("B"), figures(4, 2, 2, 6, 2340)),
        ]),
        accounts: BTreeMap::from([(account("aliyun"), of_account)]),
        ..Report::new(ShopId::new("shop-42").unwrap(), CampaignName::new("双12").unwrap())
    }
}

#[test]
fn a_report_adds_up_or_says_where_not() {
    assert_eq!(report().check(), Ok(()));
    type Break = fn(&mut Report);
    let breaks: [(&str, Break); 6] = [
        ("states", |r| r.planned += 1),
        ("reasons of a state", |r| assert!(r.reasons.insert((State::Refused, "x".into()), 1).is_none())),
        ("states by variant", |r| drop(r.variants.remove(&variant("B")))),
        ("parts by variant", |r| r.figures.parts += 1),
        ("cost by variant", |r| r.figures.cost = Money::ZERO),
        ("states by account", |r| drop(r.accounts.insert(account("b"), r.figures.clone()))),
    ];
    for (what, spoil) in breaks {
        let mut r = report();
        spoil(&mut r);
        assert_eq!(r.check().unwrap_err().what, what);
    }
}

#[test]
fn a_report_prints_and_serialises() {
    let shown = report().to_string();
    assert!(shown.contains("已送达    delivered          9\n"), "{shown}");
    assert!(shown.contains("refused      stopped        3  已退订\n"), "{shown}");
    assert!(shown.contains("A              7      6          5  83.33 %      1      7  0.2730\n"), "{shown}");
    assert!(shown.lines().all(|l| !l.ends_with(' ')));
    let v = report().to_json();
    assert_eq!(v["figures"]["states"]["delivered"], 9);
    assert_eq!(v["variants"][1]["name"], "B");
    assert_eq!(v["accounts"][0]["delivery_rate_per_10000"], 7500);
    assert_eq!(v["reasons"][1]["en"], "unsubscribed");
}

#[test]
fn states_read_back() {
    for s in State::ALL {
        assert_eq!(State::from_u8(s.to_u8()), Some(s));
    }
    assert!(State::ALL.is_sorted());
}

#[test]
fn widths() {
    for (s, w) in [("", 0), ("ab", 2), ("手机", 4), ("\u{ff0c}", 2), ("a手", 3), ("e\u{301}", 1), ("😀", 2), ("–", 1)]
    {
        assert_eq!(width(s), w, "{s}");
    }
}

fn row() -> ReportRow {
    ReportRow {
        line: Some(2),
        phone: Phone::parse("13812345678").ok(),
        caller_ref: Some("=HYPERLINK(\"http://x\",\"y\")".into()),
        state: Some(State::Failed),
        code: Some("isv.X,1".into()),
        why: Why { zh: "号码在黑名单".into(), en: "-".into() },
        variant: Some(variant("A")),
        account: Some(account("@x")),
        provider_id: Some(" +1".into()),
        begun_at: Some(Timestamp::from_millis(0)),
        parts: Some(2),
        price: Some(Money::from_ten_thousandths(780)),
        ..ReportRow::at(0)
    }
}

fn written(style: NumberStyle) -> String {
    let mut out = ReportWriter::new(Vec::new(), style).unwrap();
    out.write(&row()).unwrap();
    out.write(&ReportRow { code: Some("duplicate".into()), ..ReportRow::at(1) }).unwrap();
    String::from_utf8(out.finish().unwrap()).unwrap()
}

#[test]
fn rows_are_masked_and_harmless() {
    let text = written(NumberStyle::default());
    let lines: Vec<&str> = text.split("\r\n").collect();
    assert!(lines[0].starts_with("\u{feff}position,line,number,"));
    assert_eq!(
        lines[1],
        "0,2,138****5678,\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\",failed,\"isv.X,1\",号码在黑名单,'-,A,'@x,' +1,\
         1970-01-01T08:00:00+08:00,,2,0.0780"
    );
    assert_eq!(lines[2], "1,,,,,duplicate,,,,,,,,,");
    assert!(written(NumberStyle::Full).contains(",13812345678,"));
    assert!(!format!("{:?}", row()).contains("5678"));
}

#[test]
fn a_failing_writer_is_an_error() {
    #[derive(Debug)]
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let out = ReportWriter::without_mark(Full, NumberStyle::Masked).unwrap();
    assert_eq!(out.finish().unwrap_err().kind(), std::io::ErrorKind::StorageFull);
}

proptest! {
    #[test]
    fn no_cell_starts_a_formula(s in "[ \t\r\n=+@a-]{0,6}\\PC{0,6}") {
        let mut out = ReportWriter::without_mark(Vec::new(), NumberStyle::Masked).unwrap();
        out.write(&ReportRow { caller_ref: Some(s.clone()), provider_id: Some(s.clone()), ..ReportRow::at(0) }).unwrap();
        let bytes = out.finish().unwrap();
        let mut read = csv::Reader::from_reader(&bytes[..]);
        let record = read.records().next().unwrap().unwrap();
        for cell in [&record[3], &record[10]] {
            prop_assert!(!cell.trim_start().starts_with(['=', '+', '-', '@']));
            prop_assert!(cell == s || cell.strip_prefix('\'') == Some(&s));
        }
    }
}
