use super::*;
use encoding_rs::GBK;
use proptest::prelude::*;

fn read_with(bytes: impl AsRef<[u8]>, options: CsvOptions) -> Result<Vec<Item>, AudienceError> {
    let mut audience = Audience::csv_reader_with(io::Cursor::new(bytes.as_ref().to_vec()), options);
    let mut all = Vec::new();
    loop {
        let chunk = audience.next_chunk_blocking(7)?;
        if chunk.is_empty() {
            return Ok(all);
        }
        assert!(chunk.len() <= 7);
        all.extend(chunk);
    }
}

fn read(bytes: impl AsRef<[u8]>) -> Result<Vec<Item>, AudienceError> {
    read_with(bytes, CsvOptions::default())
}

/// `1@2` is the entry of line 2 with a number that ends in 1; `code@2.3` is a bad row of line 2, column 3.
fn show(items: &[Item]) -> String {
    let one = |item: &Item| match item {
        Ok(e) => format!("{}@{}", e.phone.to_u64() % 10, e.line.unwrap_or(0)),
        Err(b) => {
            let column = b.column.map_or(String::new(), |c| format!(".{c}"));
            format!("{}@{}{column}", b.code(), b.line.unwrap_or(0))
        }
    };
    for (i, item) in items.iter().enumerate() {
        assert_eq!(i as u64, item.as_ref().map_or_else(|b| b.position, |e| e.position));
    }
    items.iter().map(one).collect::<Vec<_>>().join(" ")
}

fn rows(bytes: impl AsRef<[u8]>) -> String {
    show(&read(bytes).unwrap())
}

#[test]
fn headers_by_their_usual_names() {
    for header in ["手机号", "phone", "Phone Number", "PHONE_NUMBER", "手机 号码", "\u{ff30}hone", "mobile*", " Tel "]
    {
        assert_eq!(rows(format!("姓名,{header}\n王,13800000001\n李,13800000002\n")), "1@2 2@3", "{header}");
    }
}

#[test]
fn the_surest_header_wins() {
    assert_eq!(rows("电话,手机号\n02012345678,13800000001\n"), "1@2");
}

#[test]
fn no_header_and_one_column() {
    assert_eq!(rows("13800000001\n13800000002"), "1@1 2@2");
    assert_eq!(rows("1.38E+10\n13800000002"), "excel_number@1.1 2@2");
    let no = CsvOptions::new().header(Header::No).number_column(2);
    assert_eq!(show(&read_with("x,13800000001\ny,13800000002", no.clone()).unwrap()), "1@1 2@2");
    assert_eq!(show(&read_with("13800000001\n", no).unwrap()), "ragged@1");
    let at = CsvOptions::new().number_column(2);
    assert_eq!(show(&read_with("x,13800000001\ny,13800000002", at.clone()).unwrap()), "1@1 2@2");
    assert_eq!(show(&read_with("a,b\ny,13800000002", at).unwrap()), "2@2");
}

#[test]
fn every_line_end_and_blank_lines() {
    for end in ["\n", "\r\n", "\r"] {
        let text = ["手机号", "13800000001", "", "13800000002", "", ""].join(end);
        assert_eq!(rows(&text), "1@2 2@4", "{end:?}");
    }
    assert_eq!(rows("13800000001\r\r\n13800000002\n\r13800000003"), "1@1 2@3 3@5");
}

#[test]
fn line_ends_inside_quotes_count_as_lines() {
    assert_eq!(rows("备注,手机号\n\"a\nb\r\nc\rd\",13800000001\nx,13800000002"), "1@2 2@6");
}

#[test]
fn delimiters_are_found_or_told() {
    for d in [",", ";", "\t", "|"] {
        assert_eq!(rows(["姓名", "手机号\n王", "13800000001"].join(d)), "1@2", "{d:?}");
    }
    assert_eq!(rows("sep=;\r\n姓名;手机号\r\na,b,c;13800000001"), "1@3");
    let comma = CsvOptions::new().delimiter(Delimiter::Comma);
    assert_eq!(show(&read_with("a;b;c,手机号\n1,13800000001", comma).unwrap()), "1@2");
    assert_eq!(rows("\"a;b;c;d\",手机号\n1,13800000001"), "1@2");
}

#[test]
fn byte_order_marks_and_utf16() {
    let text = "手机号,姓名\r\n13800000001,王\r\n13800000002,😀\r\n";
    let mark = |m: &[u8], b: Vec<u8>| [m, &b].concat();
    let le: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let be: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert_eq!(rows(mark(b"\xef\xbb\xbf", text.into())), "1@2 2@3");
    assert_eq!(rows(mark(b"\xff\xfe", le.clone())), "1@2 2@3");
    assert_eq!(rows(mark(b"\xfe\xff", be)), "1@2 2@3");
    // A mark stands over what is named.
    let gbk = CsvOptions::new().encoding(Encoding::Gbk);
    assert_eq!(show(&read_with(mark(b"\xff\xfe", le.clone()), gbk).unwrap()), "1@2 2@3");
    // An odd byte at the end, and a lone surrogate.
    assert_eq!(rows(mark(b"\xff\xfe", [le.clone(), vec![0x31]].concat())), "1@2 2@3 bad_encoding@4.1");
    let lone = [le, vec![0x31, 0, 0x2c, 0, 0, 0xd8, 0x0a, 0]].concat();
    assert_eq!(rows(mark(b"\xff\xfe", lone)), "1@2 2@3 bad_encoding@4.2");
}

#[test]
fn utf16_without_a_mark_is_refused() {
    let le: Vec<u8> = "phone\n13800000001\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(matches!(read(le), Err(AudienceError::BadHeader { line: 1, fault: Fault::NulByte })));
}

#[test]
fn gbk_is_found_out() {
    let (gbk, ..) = GBK.encode("姓名,手机号\n王小明,13800000001\n欧阳|娜,13800000002\n");
    let named = CsvOptions::new().param("姓名", "name");
    let items = read_with(&gbk, named).unwrap();
    assert_eq!(show(&items), "1@2 2@3");
    assert_eq!(items[0].as_ref().unwrap().params, [("name".into(), "王小明".to_owned())]);
    // The first character that is not ASCII may come late, and on the edge of a window.
    for shift in 0..4 {
        let ascii = format!("{}phone,name\n{}", "\n".repeat(shift), "13800000001,Wang\n".repeat(9000));
        let late = [ascii.as_bytes(), &GBK.encode("13800000002,王小明的朋友们\n").0].concat();
        let items = read_with(late, CsvOptions::new().all_but()).unwrap();
        assert_eq!(items.len(), 9001);
        assert_eq!(items[9000].as_ref().unwrap().params[0].1, "王小明的朋友们");
    }
}

impl CsvOptions {
    fn all_but(self) -> Self {
        self.params(Params::AllOthers)
    }
}

#[test]
fn windows_may_end_inside_a_character() {
    for pad in 0..14 {
        let filler = "13800000001,x\n".repeat(65_536 / 14 - 2);
        let text = format!("phone,{}\n{filler}{}13800000002,王小明的朋友们\n", "n".repeat(pad + 1), "\n".repeat(pad));
        for bytes in [text.clone().into_bytes(), GBK.encode(&text).0.into_owned()] {
            let items = read_with(bytes, CsvOptions::new().all_but()).unwrap();
            assert_eq!(items.last().unwrap().as_ref().unwrap().params[0].1, "王小明的朋友们", "{pad}");
        }
    }
}

#[test]
fn damaged_utf8_is_not_taken_for_gbk() {
    let mut text = "姓名,手机号\n王小明,13800000001\n李,13800000002\n欧阳娜,13800000003\n".as_bytes().to_vec();
    let at = text.windows(3).position(|w| w == "李".as_bytes()).unwrap();
    text.remove(at + 1);
    assert_eq!(rows(&text), "1@2 bad_encoding@3.1 3@4");
    text.truncate(text.len() - 1);
    assert_eq!(
        rows([&text[..], "\n王".as_bytes().split_last().unwrap().1].concat()),
        "1@2 bad_encoding@3.1 3@4 bad_encoding@5.1"
    );
}

#[test]
fn damaged_gbk_refuses_the_row() {
    let good = "13800000001,王小明住在北京市海淀区\n".repeat(30);
    let mut bytes = GBK.encode(&format!("手机号,地址\n{good}")).0.into_owned();
    bytes.extend(b"13800000002,\xff\xff\n13800000003,x\n");
    let shown = rows(&bytes);
    assert!(shown.ends_with("1@31 bad_encoding@32.2 3@33"), "{shown}");
}

#[test]
fn neither_encoding_is_an_error_with_its_byte() {
    let e = read(b"phone\n13800000001\n\xff\xff\xff\n13800000002\n").unwrap_err();
    assert!(matches!(e, AudienceError::Encoding { offset: 18 }), "{e}");
    // Named, it costs one row only.
    let utf8 = CsvOptions::new().encoding(Encoding::Utf8);
    let items = read_with(b"phone\n13800000001\n\xff\xff\xff\n13800000002\n", utf8).unwrap();
    assert_eq!(show(&items), "1@2 bad_encoding@3.1 2@4");
}

#[test]
fn empty_files() {
    for bytes in [&b""[..], b"\n\r\n", b"\xef\xbb\xbf", b"\xff\xfe", b"\xef\xbb\xbf\r\n", b"sep=,\n"] {
        assert!(matches!(read(bytes), Err(AudienceError::Empty)), "{bytes:?}");
    }
    assert_eq!(rows("手机号\n"), "");
}

#[test]
fn a_missing_column_names_what_is_there_without_numbers() {
    let e = read("客户编号 13812345678,昵称\n1,2\n").unwrap_err();
    assert!(matches!(e, AudienceError::NoHeader), "{e}");
    let e = read("会员卡,昵称\n1,2\n").unwrap_err();
    assert!(e.to_string().contains("昵称") && e.to_string().contains("手机号"), "{e}");
    let e = read_with("会员卡,12345678901\n1,2\n", CsvOptions::new().header(Header::Yes).number_column(9)).unwrap_err();
    assert!(matches!(&e, AudienceError::MissingColumn { .. }));
    assert!(!e.to_string().contains("12345678901") && e.to_string().contains("column 9"), "{e}");
    for options in [CsvOptions::new().reference_header("id"), CsvOptions::new().param("名", "name")] {
        assert!(matches!(read_with("手机号\n1", options.clone()), Err(AudienceError::MissingColumn { .. })));
        assert!(matches!(read_with("13800000001\n", options), Err(AudienceError::MissingColumn { .. })));
    }
    assert!(matches!(read("13800000001,王\n13800000002,李\n"), Err(AudienceError::NoHeader)));
}

#[test]
fn a_column_that_is_used_stands_once() {
    let twice = |text: &str, options: CsvOptions| match read_with(text, options) {
        Err(AudienceError::DuplicateHeader { first, second, .. }) => (first, second),
        other => panic!("{other:?}"),
    };
    assert_eq!(twice("Phone,a,phone\n1,2,3", CsvOptions::new()), (1, 3));
    assert_eq!(twice("phone,a,A\n1,2,3", CsvOptions::new().param("a", "x")), (2, 3));
    assert_eq!(twice("phone,a,A\n1,2,3", CsvOptions::new().all_but()), (2, 3));
    assert_eq!(twice("phone,a,A\n1,2,3", CsvOptions::new().reference_header("a")), (2, 3));
    assert_eq!(rows("phone,a,a,,\n13800000001,,,,"), "1@2");
}

#[test]
fn parameters_and_references() {
    let options = CsvOptions::new().all_but().reference_header("订单号");
    let items =
        read_with("姓名,手机号,订单号,,券\n\"王 \"\"大\"\"\",13800000001, A-1 ,x,\n李,13800000002,,,5元\n", options)
            .unwrap();
    let e = items[0].as_ref().unwrap();
    assert_eq!(e.params, [("姓名".into(), "王 \"大\"".to_owned()), ("券".into(), String::new())]);
    assert_eq!(e.caller_ref.as_deref(), Some("A-1"));
    let e = items[1].as_ref().unwrap();
    assert_eq!((e.params[1].1.as_str(), e.caller_ref.as_deref()), ("5元", None));
    assert!(!format!("{e:?}").contains('李'));
}

#[test]
fn what_spreadsheets_do_to_numbers() {
    let text = "手机号\n=\"13800000001\"\n\"=\"\"13800000002\"\"\"\n'13800000003\n\"13800000004\t\"\n 13800000005 \n\
        1.38E+10\n1.38001E10\n13800138000.0\n########\n\"\"\n'\n=\"\"\n";
    assert_eq!(
        rows(text),
        "1@2 2@3 3@4 4@5 5@6 excel_number@7.1 excel_number@8.1 excel_number@9.1 excel_number@10.1 \
         empty_number@11.1 empty_number@12.1 empty_number@13.1"
    );
    assert!(Fault::ExcelNumber.to_string().contains("format the column as text"));
}

#[test]
fn bad_rows_of_every_kind_leave_the_next_alone() {
    let long = "x".repeat(FIELD_MAX + 1);
    let text = format!(
        "手机号,a\n13800000001\n13800000001,b,c\n\"13800000001\"x,b\n13800000001,\"b\"c\n13800000001,\0\n\
         13800000001,{long}\n,b\n12,b\n13800000009,b\n"
    );
    assert_eq!(
        rows(text),
        "ragged@2 ragged@3 stray_quote@4.1 stray_quote@5.2 nul_byte@6.2 field_too_long@7.2 empty_number@8.1 \
         length@9.1 9@10"
    );
    assert_eq!(rows(format!("手机号,a\n13800000001,{}\n", "x".repeat(FIELD_MAX))), "1@2");
}

#[test]
fn a_huge_line_is_passed_over() {
    for size in [ROW_MAX - 12, ROW_MAX, 3 * ROW_MAX, 1 << 20] {
        let huge = "x".repeat(size);
        let fault = if size + 12 <= ROW_MAX { "field_too_long@2.2" } else { "row_too_long@2" };
        assert_eq!(rows(format!("手机号,a\n13800000001,{huge}\n13800000002,b\n")), format!("{fault} 2@3"));
        assert_eq!(
            rows(format!("手机号,a\n13800000001,\"{huge}\n\"\n13800000002,b\n")).split(' ').next_back(),
            Some("2@4")
        );
    }
    let many = ",".repeat(5 << 20);
    assert_eq!(rows(format!("手机号,a\n{many}\n13800000002,b\n")), "row_too_long@2 2@3");
    assert_eq!(rows(format!("手机号,a\n{}\n13800000002,b\n", ",".repeat(300))), "too_many_columns@2 2@3");
    assert_eq!(rows(format!("手机号,a\n13800000002,b\n{many}")), "2@2 row_too_long@3");
    let header = read(format!("手机号{many}\n1\n")).unwrap_err();
    assert!(matches!(header, AudienceError::BadHeader { line: 1, fault: Fault::RowTooLong }), "{header}");
    let header = read(format!("手机号{}\n1\n", ",a".repeat(256))).unwrap_err();
    assert!(matches!(header, AudienceError::BadHeader { fault: Fault::TooManyColumns, .. }), "{header}");
}

#[test]
fn a_quote_that_swallows_the_file_is_an_error() {
    struct Endless(u64);
    impl Read for Endless {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let n = out.len().min(self.0 as usize);
            out[..n].fill(b'x');
            self.0 -= n as u64;
            Ok(n)
        }
    }
    let quote = io::Cursor::new(b"phone\n\"".to_vec()).chain(Endless(8 << 20));
    let mut audience = Audience::csv_reader(quote);
    let e = audience.next_chunk_blocking(10).unwrap_err();
    assert!(matches!(e, AudienceError::UnclosedQuote { line: 2 }), "{e}");
}

#[test]
fn a_quote_that_is_never_closed_is_an_error() {
    for text in ["手机号\n13800000001\n\"13800000002", "手机号\n13800000001\n\"1380\n0000\n002\n13800000003\n"] {
        assert!(matches!(read(text), Err(AudienceError::UnclosedQuote { line: 3 })));
    }
    assert_eq!(rows("手机号\n\"13800000001\""), "1@2");
    // In the middle of an unquoted value a quote is a character.
    assert_eq!(rows("手机号,a\n13800000001,5\" disk"), "1@2");
}

#[test]
fn a_failing_reader_is_an_error_and_stays_one() {
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("unplugged"))
        }
    }
    let mut audience = Audience::csv_reader(io::Cursor::new("phone\n13800000001\n").chain(Fails));
    assert!(matches!(audience.next_chunk_blocking(5), Err(AudienceError::Io(_))));
    assert!(matches!(audience.next_chunk_blocking(5), Err(AudienceError::Failed)));
    let mut missing = Audience::csv_path("/nonexistent.csv");
    assert!(matches!(missing.next_chunk_blocking(5), Err(AudienceError::Io(e)) if e.kind() == io::ErrorKind::NotFound));
    assert!(matches!(Audience::csv_path("/").next_chunk_blocking(5), Err(AudienceError::Io(_))));
}

#[test]
fn iterators_give_entries_and_bad_rows() {
    let phone = Phone::parse("13800000003").unwrap();
    let people = vec![
        Person::from("13800000001").param("name", "王").caller_ref("a"),
        "junk".into(),
        phone.into(),
        Person::from(String::from("'13800000004")),
        Person::from("13800000005").param("x", "y".repeat(FIELD_MAX)),
        (0..=COLUMNS_MAX).fold(Person::from("13800000006"), |p, i| p.param(i.to_string(), "")),
        (0..40).fold(Person::from("13800000007"), |p, i| p.param(i.to_string(), "z".repeat(2000))),
        "".into(),
    ];
    let mut audience = Audience::iter(people);
    let items = audience.next_chunk_blocking(100).unwrap();
    assert_eq!(
        show(&items),
        "1@0 not_digits@0 3@0 4@0 field_too_long@0 too_many_columns@0 row_too_long@0 empty_number@0"
    );
    assert_eq!(items[0].as_ref().unwrap().caller_ref.as_deref(), Some("a"));
    assert_eq!(items[1].as_ref().unwrap_err().to_string(), format!("entry 1: {}", Phone::parse("junk").unwrap_err()));
    assert!(audience.next_chunk_blocking(100).unwrap().is_empty());
    assert!(audience.next_chunk_blocking(100).unwrap().is_empty());
}

#[tokio::test]
async fn blocking_sources_are_read_beside_the_runtime_and_cancelling_loses_nothing() {
    let slow = (0..50u64).map(|i| {
        std::thread::sleep(std::time::Duration::from_millis(2));
        (13_800_000_000 + i).to_string()
    });
    let mut audience = Audience::iter(slow);
    let mut got = Vec::new();
    let (mut cancelled, mut rounds) = (0, 0);
    loop {
        rounds += 1;
        assert!(rounds < 1000);
        match tokio::time::timeout(std::time::Duration::from_millis(3), audience.next_chunk(5)).await {
            Ok(chunk) => match chunk.unwrap() {
                c if c.is_empty() => break,
                c => got.extend(c),
            },
            Err(_) => cancelled += 1,
        }
    }
    assert!(cancelled > 0);
    assert_eq!(got.len(), 50);
    assert!(got.iter().enumerate().all(|(i, item)| item.as_ref().unwrap().phone.to_u64() % 100 == i as u64));
}

#[test]
fn without_a_runtime_it_reads_in_place() {
    let mut audience = Audience::iter(["13800000001"]);
    let chunk = futures_util::FutureExt::now_or_never(audience.next_chunk(5)).unwrap().unwrap();
    assert_eq!(chunk.len(), 1);
}

#[tokio::test]
async fn a_panicking_iterator_is_an_error() {
    let mut audience = Audience::iter((0..3).map(|i| if i == 1 { panic!("theirs") } else { "13800000001" }));
    assert!(matches!(audience.next_chunk(5).await, Err(AudienceError::Panicked)));
    assert!(matches!(audience.next_chunk(5).await, Err(AudienceError::Failed)));
}

#[tokio::test]
async fn streams_come_in_chunks_and_end_at_an_error() {
    let person = |i: u64| Ok::<_, io::Error>(Person::from((13_800_000_000 + i).to_string()));
    let mut audience = Audience::stream(futures_util::stream::iter((0..10).map(person)));
    assert!(audience.is_stream());
    let sizes = [audience.next_chunk(4).await, audience.next_chunk(0).await, audience.next_chunk(99).await];
    assert_eq!(sizes.map(|c| c.unwrap().len()), [4, 1, 5]);
    assert!(audience.next_chunk(4).await.unwrap().is_empty());

    let failing = (0..3).map(person).chain([Err(io::Error::other("gone"))]);
    let mut audience = Audience::stream(futures_util::stream::iter(failing));
    assert_eq!(audience.next_chunk(2).await.unwrap().len(), 2);
    assert!(matches!(audience.next_chunk(2).await, Err(AudienceError::Stream { position: 3, .. })));
    assert!(matches!(audience.next_chunk(2).await, Err(AudienceError::Failed)));
    assert!(matches!(
        Audience::stream(futures_util::stream::iter([person(1)])).next_chunk_blocking(1),
        Err(AudienceError::Failed)
    ));
}

#[tokio::test]
async fn a_cancelled_stream_loses_nothing() {
    let (send, receive) = tokio::sync::mpsc::channel::<u64>(1);
    let stream = futures_util::stream::unfold(receive, |mut r| async {
        let n = r.recv().await?;
        Some((Ok::<_, io::Error>(Person::from(n.to_string())), r))
    });
    let mut audience = Audience::stream(stream);
    for i in 0..3 {
        send.send(13_800_000_000 + i).await.unwrap();
        let wait = tokio::time::timeout(std::time::Duration::from_millis(5), audience.next_chunk(10));
        assert!(wait.await.is_err());
    }
    drop(send);
    assert_eq!(show(&audience.next_chunk(2).await.unwrap()), "0@0 1@0");
    assert_eq!(audience.next_chunk(2).await.unwrap()[0].as_ref().unwrap().position, 2);
    assert!(audience.next_chunk(2).await.unwrap().is_empty());
}

#[test]
fn nothing_that_is_shown_holds_a_value() {
    let items = read("手机号,a\n13812345678\n138123456789999,x\n1.38123E+10,y\n").unwrap();
    let shown = items.iter().map(|i| format!("{i:?} {}", i.as_ref().unwrap_err())).collect::<String>();
    assert!(!shown.contains("8123"), "{shown}");
}

/// Gives its bytes in pieces of every size.
struct Pieces(Vec<u8>, usize);

impl Read for Pieces {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.1 = self.1 * 7 % 101 + 1;
        let n = self.1.min(out.len()).min(self.0.len());
        out[..n].copy_from_slice(&self.0[..n]);
        self.0.drain(..n);
        Ok(n)
    }
}

fn digest_of(result: Result<Vec<Item>, AudienceError>) -> String {
    result.map_or_else(|e| format!("{e:?}"), |items| show(&items))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_bytes_panic_and_pieces_do_not_matter(
        bytes in prop::collection::vec(prop_oneof![
            3 => prop::sample::select(&b"\"\",;\n\r\t0138\xe6\x89\x8b\xff\0"[..]),
            1 => any::<u8>(),
        ], 0..300),
        header: bool,
        encoding in prop::sample::select(vec![Encoding::Auto, Encoding::Gbk, Encoding::Utf8]),
    ) {
        let bytes = if header { [b"phone,a\n", &bytes[..]].concat() } else { bytes };
        let options = CsvOptions::new().encoding(encoding);
        let whole = digest_of(read_with(&bytes, options.clone()));
        let mut audience = Audience::csv_reader_with(Pieces(bytes, 3), options);
        let mut all = Vec::new();
        let pieces = loop {
            match audience.next_chunk_blocking(3) {
                Ok(c) if c.is_empty() => break Ok(all),
                Ok(c) => all.extend(c),
                Err(e) => break Err(e),
            }
        };
        prop_assert_eq!(whole, digest_of(pieces));
    }

    #[test]
    fn every_record_is_an_entry_or_a_bad_row(
        lines in prop::collection::vec("[0-9,x \u{738b}']{0,14}", 0..80),
        end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
    ) {
        let text = ["phone", &lines.join(end)].join(end);
        let items = read_with(&text, CsvOptions::new().header(Header::Yes).delimiter(Delimiter::Comma)).unwrap();
        let want: Vec<u64> = (2..).zip(&lines).filter(|(_, l)| !l.is_empty()).map(|(n, _)| n).collect();
        let got: Vec<u64> = items.iter().filter_map(|i| i.as_ref().map_or_else(|b| b.line, |e| e.line)).collect();
        prop_assert_eq!(got, want);
    }

    #[test]
    fn values_survive_quoting(
        values in prop::collection::vec("[\\PC\n\r\",]{0,20}", 1..20),
    ) {
        let mut out = ::csv::WriterBuilder::new().quote_style(::csv::QuoteStyle::Always).from_writer(Vec::new());
        out.write_record(["phone", "v"]).unwrap();
        for v in &values {
            out.write_record(["13800000001", v]).unwrap();
        }
        let options = CsvOptions::new().param("v", "v").encoding(Encoding::Utf8);
        let items = read_with(out.into_inner().unwrap(), options).unwrap();
        let got: Vec<_> = items.into_iter().map(|i| i.unwrap().params.remove(0).1).collect();
        prop_assert_eq!(got, values);
    }
}
