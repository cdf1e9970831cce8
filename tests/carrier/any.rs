//! Any value of every PDU.

use optin106::carrier::coding::Coding;
use optin106::carrier::login::{Authenticator, LoginTime};
use optin106::carrier::pdu::{Content, Octets, Receivers, Sequence};
use optin106::carrier::{cmpp, sgip, smgp};
use optin106::secret::Secret;
use proptest::collection::vec;
use proptest::prelude::*;

/// Any text that a field takes, full ones and empty ones among them.
pub(crate) fn octets<const N: usize>() -> impl Strategy<Value = Octets<N>> {
    let made = proptest::string::string_regex(&format!("([!-~]([ -~]{{0,{}}}[!-~])?)?", N.saturating_sub(2))).unwrap();
    let made = made.prop_map(|text| Octets::new(&text).unwrap());
    // And any that can be read, such as GBK.
    let read = proptest::array::uniform32(any::<u8>()).prop_map(|raw| {
        let mut wire = [0; N];
        wire.iter_mut().zip(raw).for_each(|(to, from)| *to = from);
        Octets::from_wire(&wire)
    });
    prop_oneof![made, read]
}

fn receivers<const N: usize>() -> impl Strategy<Value = Receivers<N>> {
    let count = prop_oneof![1..4usize, Just(100)];
    count.prop_flat_map(|n| vec(octets(), n)).prop_map(|all| Receivers::new(all).unwrap())
}

fn content<const MAX: usize>() -> impl Strategy<Value = Content<MAX>> {
    let length = prop_oneof![Just(0), 1..140usize, Just(255.min(MAX)), Just(MAX)];
    length.prop_flat_map(|n| vec(any::<u8>(), n)).prop_map(|bytes| Content::new(bytes).unwrap())
}

fn coding() -> impl Strategy<Value = Coding> {
    any::<u8>().prop_map(Coding::of)
}

fn authenticator() -> impl Strategy<Value = Authenticator> {
    any::<[u8; 16]>().prop_map(Authenticator)
}

fn command(known: &'static [u32]) -> impl Strategy<Value = u32> {
    any::<u32>().prop_filter("known", move |c| !known.contains(&(c & 0x7FFF_FFFF)))
}

fn code(version: cmpp::Version) -> BoxedStrategy<cmpp::ResultCode> {
    match version {
        cmpp::Version::V20 => any::<u8>().prop_map(cmpp::ResultCode::V20).boxed(),
        cmpp::Version::V30 => any::<u32>().prop_map(cmpp::ResultCode::V30).boxed(),
    }
}

pub(crate) fn version() -> impl Strategy<Value = cmpp::Version> {
    prop_oneof![Just(cmpp::Version::V20), Just(cmpp::Version::V30)]
}

pub(crate) fn cmpp_pdu(version: cmpp::Version) -> impl Strategy<Value = cmpp::Pdu> {
    use cmpp::Body;
    let id = || any::<u64>().prop_map(cmpp::MsgId);
    let answer = move || (id(), code(version)).prop_map(|(msg_id, result)| cmpp::Answer { msg_id, result });
    let body = prop_oneof![
        Just(Body::ActiveTest),
        any::<u8>().prop_map(|reserved| Body::ActiveTestResp { reserved }),
        id().prop_map(|msg_id| Body::Cancel { msg_id }),
        code(version).prop_map(|success_id| Body::CancelResp { success_id }),
        (octets(), authenticator(), any::<u8>(), any::<u32>()).prop_map(|(source_addr, a, version, at)| {
            Body::Connect(cmpp::Connect { source_addr, authenticator_source: a, version, timestamp: LoginTime(at) })
        }),
        (code(version), authenticator(), any::<u8>()).prop_map(|(status, authenticator_ismg, version)| {
            Body::ConnectResp(cmpp::ConnectResp { status, authenticator_ismg, version })
        }),
        deliver(version).prop_map(Body::Deliver),
        answer().prop_map(Body::DeliverResp),
        (octets(), any::<u8>(), octets(), octets()).prop_map(|(time, query_type, query_code, reserve)| {
            Body::Query(cmpp::Query { time, query_type, query_code, reserve })
        }),
        (octets(), any::<u8>(), octets(), any::<[u32; 8]>(), octets()).prop_map(
            |(time, query_type, query_code, n, r)| {
                Body::QueryResp(cmpp::QueryResp {
                    time,
                    query_type,
                    query_code,
                    mt_tlmsg: n[0],
                    mt_tlusr: n[1],
                    mt_scs: n[2],
                    mt_wt: n[3],
                    mt_fl: n[4],
                    mo_scs: n[5],
                    mo_wt: n[6],
                    mo_fl: n[7],
                    reserve: r,
                })
            }
        ),
        submit(version).prop_map(Body::Submit),
        answer().prop_map(Body::SubmitResp),
        Just(Body::Terminate),
        Just(Body::TerminateResp),
        (command(&[1, 2, 4, 5, 6, 7, 8]), vec(any::<u8>(), 0..40))
            .prop_map(|(command, body)| Body::Unknown { command, body }),
    ];
    (any::<u32>(), body).prop_map(|(sequence, body)| cmpp::Pdu { sequence: Sequence(sequence), body })
}

fn terminals(version: cmpp::Version) -> BoxedStrategy<cmpp::Terminals> {
    match version {
        cmpp::Version::V20 => (octets(), receivers(), octets())
            .prop_map(|(fee_terminal_id, dest_terminal_id, reserve)| cmpp::Terminals::V20 {
                fee_terminal_id,
                dest_terminal_id,
                reserve,
            })
            .boxed(),
        cmpp::Version::V30 => (octets(), any::<[u8; 2]>(), receivers(), octets())
            .prop_map(|(fee_terminal_id, types, dest_terminal_id, link_id)| cmpp::Terminals::V30 {
                fee_terminal_id,
                fee_terminal_type: types[0],
                dest_terminal_id,
                dest_terminal_type: types[1],
                link_id,
            })
            .boxed(),
    }
}

fn submit(version: cmpp::Version) -> impl Strategy<Value = cmpp::Submit> {
    let texts = (octets(), octets(), octets(), octets(), octets(), octets(), octets());
    (any::<u64>(), any::<[u8; 7]>(), texts, coding(), terminals(version), content()).prop_map(
        |(msg_id, n, texts, msg_fmt, terminals, content)| {
            let (service_id, msg_src, fee_type, fee_code, valid_time, at_time, src_id) = texts;
            cmpp::Submit {
                msg_id: cmpp::MsgId(msg_id),
                pk_total: n[0],
                pk_number: n[1],
                registered_delivery: n[2],
                msg_level: n[3],
                service_id,
                fee_user_type: n[4],
                tp_pid: n[5],
                tp_udhi: n[6],
                msg_fmt,
                msg_src,
                fee_type,
                fee_code,
                valid_time,
                at_time,
                src_id,
                terminals,
                content,
            }
        },
    )
}

fn origin(version: cmpp::Version) -> BoxedStrategy<cmpp::Origin> {
    match version {
        cmpp::Version::V20 => (octets(), octets())
            .prop_map(|(src_terminal_id, reserve)| cmpp::Origin::V20 { src_terminal_id, reserve })
            .boxed(),
        cmpp::Version::V30 => (octets(), any::<u8>(), octets())
            .prop_map(|(src_terminal_id, src_terminal_type, link_id)| cmpp::Origin::V30 {
                src_terminal_id,
                src_terminal_type,
                link_id,
            })
            .boxed(),
    }
}

fn deliver(version: cmpp::Version) -> impl Strategy<Value = cmpp::Deliver> {
    (any::<u64>(), octets(), octets(), any::<[u8; 3]>(), coding(), content(), origin(version)).prop_map(
        |(msg_id, dest_id, service_id, n, msg_fmt, content, origin)| cmpp::Deliver {
            msg_id: cmpp::MsgId(msg_id),
            dest_id,
            service_id,
            tp_pid: n[0],
            tp_udhi: n[1],
            msg_fmt,
            registered_delivery: n[2],
            content,
            origin,
        },
    )
}

pub(crate) fn cmpp_report() -> impl Strategy<Value = cmpp::Report> {
    let terminal = prop_oneof![octets().prop_map(cmpp::Terminal::Narrow), octets().prop_map(cmpp::Terminal::Wide)];
    (any::<u64>(), octets(), octets(), octets(), terminal, any::<u32>()).prop_map(
        |(msg_id, stat, submit_time, done_time, dest_terminal_id, smsc_sequence)| cmpp::Report {
            msg_id: cmpp::MsgId(msg_id),
            stat,
            detail: Some(cmpp::Detail { submit_time, done_time, dest_terminal_id, smsc_sequence }),
            odd: Vec::new(),
        },
    )
}

fn number() -> impl Strategy<Value = sgip::Number> {
    any::<[u8; 12]>().prop_map(sgip::Number::from_bytes)
}

pub(crate) fn sgip_pdu() -> impl Strategy<Value = sgip::Pdu> {
    use sgip::Body;
    let answer = || (any::<u8>(), octets()).prop_map(|(result, reserve)| sgip::Answer { result, reserve });
    let password = "[!-~]{0,16}".prop_map(|text| sgip::Password::new(&Secret::new(text)).unwrap());
    let node = (any::<u8>(), octets(), octets(), octets(), octets()).prop_map(
        |(result, node_id, receive_time, send_time, reserve)| sgip::TraceNode {
            result,
            node_id,
            receive_time,
            send_time,
            reserve,
        },
    );
    let body = prop_oneof![
        (any::<u8>(), octets(), password, octets()).prop_map(|(login_type, login_name, login_password, reserve)| {
            Body::Bind(sgip::Bind { login_type, login_name, login_password, reserve })
        }),
        answer().prop_map(Body::BindResp),
        (octets(), octets(), any::<[u8; 2]>(), coding(), content(), octets()).prop_map(
            |(user_number, sp_number, n, message_coding, content, reserve)| {
                Body::Deliver(sgip::Deliver {
                    user_number,
                    sp_number,
                    tp_pid: n[0],
                    tp_udhi: n[1],
                    message_coding,
                    content,
                    reserve,
                })
            }
        ),
        answer().prop_map(Body::DeliverResp),
        (number(), any::<[u8; 3]>(), octets(), octets()).prop_map(|(submit_sequence, n, user_number, reserve)| {
            Body::Report(sgip::Report {
                submit_sequence,
                report_type: n[0],
                user_number,
                state: n[1],
                error_code: n[2],
                reserve,
            })
        }),
        answer().prop_map(Body::ReportResp),
        sgip_submit().prop_map(Body::Submit),
        answer().prop_map(Body::SubmitResp),
        (number(), octets(), octets()).prop_map(|(submit_sequence, user_number, reserve)| {
            Body::Trace(sgip::Trace { submit_sequence, user_number, reserve })
        }),
        vec(node, 0..5).prop_map(|nodes| Body::TraceResp(sgip::TraceResp::new(nodes).unwrap())),
        Just(Body::Unbind),
        Just(Body::UnbindResp),
        (command(&[1, 2, 3, 4, 5, 0x11, 0x1000]), vec(any::<u8>(), 0..40))
            .prop_map(|(command, body)| Body::Unknown { command, body }),
        (octets(), octets(), any::<u8>(), octets()).prop_map(|(sp_number, user_number, user_condition, reserve)| {
            Body::UserRpt(sgip::UserRpt { sp_number, user_number, user_condition, reserve })
        }),
        answer().prop_map(Body::UserRptResp),
    ];
    (number(), body).prop_map(|(sequence, body)| sgip::Pdu { sequence, body })
}

fn sgip_submit() -> impl Strategy<Value = sgip::Submit> {
    let numbers = (octets(), octets(), receivers(), octets(), octets());
    let texts = (octets(), octets(), octets(), octets(), octets());
    (numbers, texts, any::<[u8; 8]>(), coding(), content()).prop_map(|(numbers, texts, n, message_coding, content)| {
        let (sp_number, charge_number, user_number, corp_id, service_type) = numbers;
        let (fee_value, given_value, expire_time, schedule_time, reserve) = texts;
        sgip::Submit {
            sp_number,
            charge_number,
            user_number,
            corp_id,
            service_type,
            fee_type: n[0],
            fee_value,
            given_value,
            agent_flag: n[1],
            morelateto_mt_flag: n[2],
            priority: n[3],
            expire_time,
            schedule_time,
            report_flag: n[4],
            tp_pid: n[5],
            tp_udhi: n[6],
            message_coding,
            message_type: n[7],
            content,
            reserve,
        }
    })
}

fn tlvs() -> impl Strategy<Value = smgp::Tlvs> {
    let tag = prop_oneof![0..20u16, any::<u16>()];
    vec((tag, vec(any::<u8>(), 0..30)), 0..6).prop_map(|all| {
        let mut tlvs = smgp::Tlvs::default();
        for (tag, value) in all {
            assert!(tlvs.set(tag, &value));
        }
        tlvs
    })
}

fn smgp_id() -> impl Strategy<Value = smgp::MsgId> {
    any::<[u8; 10]>().prop_map(smgp::MsgId)
}

pub(crate) fn smgp_pdu() -> impl Strategy<Value = smgp::Pdu> {
    use smgp::Body;
    let answer = || (smgp_id(), any::<u32>()).prop_map(|(msg_id, status)| smgp::Answer { msg_id, status });
    let body = prop_oneof![
        Just(Body::ActiveTest),
        Just(Body::ActiveTestResp),
        (smgp_id(), any::<u8>(), coding(), octets(), octets(), octets(), content(), octets(), tlvs()).prop_map(
            |(msg_id, is_report, msg_format, recv_time, src_term_id, dest_term_id, content, reserve, tlvs)| {
                Body::Deliver(smgp::Deliver {
                    msg_id,
                    is_report,
                    msg_format,
                    recv_time,
                    src_term_id,
                    dest_term_id,
                    content,
                    reserve,
                    tlvs,
                })
            }
        ),
        answer().prop_map(Body::DeliverResp),
        Just(Body::Exit),
        Just(Body::ExitResp),
        (octets(), authenticator(), any::<[u8; 2]>(), any::<u32>()).prop_map(|(client_id, a, n, at)| {
            Body::Login(smgp::Login {
                client_id,
                authenticator_client: a,
                login_mode: n[0],
                timestamp: LoginTime(at),
                client_version: n[1],
            })
        }),
        (any::<u32>(), authenticator(), any::<u8>()).prop_map(|(status, authenticator_server, server_version)| {
            Body::LoginResp(smgp::LoginResp { status, authenticator_server, server_version })
        }),
        (octets(), any::<u8>(), octets()).prop_map(|(query_time, query_type, query_code)| {
            Body::Query(smgp::Query { query_time, query_type, query_code })
        }),
        (octets(), any::<u8>(), octets(), any::<[u32; 8]>(), octets()).prop_map(
            |(query_time, query_type, query_code, n, reserve)| {
                Body::QueryResp(smgp::QueryResp {
                    query_time,
                    query_type,
                    query_code,
                    mt_tlmsg: n[0],
                    mt_tlusr: n[1],
                    mt_scs: n[2],
                    mt_wt: n[3],
                    mt_fl: n[4],
                    mo_scs: n[5],
                    mo_wt: n[6],
                    mo_fl: n[7],
                    reserve,
                })
            }
        ),
        smgp_submit().prop_map(Body::Submit),
        answer().prop_map(Body::SubmitResp),
        (command(&[1, 2, 3, 4, 6, 7]), vec(any::<u8>(), 0..40))
            .prop_map(|(command, body)| Body::Unknown { command, body }),
    ];
    (any::<u32>(), body).prop_map(|(sequence, body)| smgp::Pdu { sequence: Sequence(sequence), body })
}

fn smgp_submit() -> impl Strategy<Value = smgp::Submit> {
    let texts = (octets(), octets(), octets(), octets(), octets(), octets());
    let numbers = (octets(), octets(), receivers());
    (any::<[u8; 3]>(), texts, numbers, coding(), content(), octets(), tlvs()).prop_map(
        |(n, texts, numbers, msg_format, content, reserve, tlvs)| {
            let (service_id, fee_type, fee_code, fixed_fee, valid_time, at_time) = texts;
            let (src_term_id, charge_term_id, dest_term_id) = numbers;
            smgp::Submit {
                msg_type: n[0],
                need_report: n[1],
                priority: n[2],
                service_id,
                fee_type,
                fee_code,
                fixed_fee,
                msg_format,
                valid_time,
                at_time,
                src_term_id,
                charge_term_id,
                dest_term_id,
                content,
                reserve,
                tlvs,
            }
        },
    )
}

pub(crate) fn smgp_report() -> impl Strategy<Value = smgp::Report> {
    // Ten raw bytes that are all digits are read as digits.
    let raw = smgp_id().prop_filter("digits", |id| !id.0.iter().all(u8::is_ascii_digit));
    let id = prop_oneof![
        raw.prop_map(|id| (id, smgp::IdForm::Raw)),
        smgp_id().prop_map(|id| (id, smgp::IdForm::Hex)),
        "[0-9]{10}".prop_map(|d| (smgp::MsgId(d.as_bytes().try_into().unwrap()), smgp::IdForm::Decimal)),
    ];
    (id, octets(), octets(), octets(), octets(), octets(), octets(), octets()).prop_map(
        |((id, id_form), sub, dlvrd, submit_date, done_date, stat, err, text)| smgp::Report {
            id,
            id_form,
            sub,
            dlvrd,
            submit_date,
            done_date,
            stat,
            err,
            text,
        },
    )
}
