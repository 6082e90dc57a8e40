//! The page: a summary, and a section for each chart with its legend and its numbers as a table.
//!
//! A row of a table says by `data-from` and `data-to` which seconds it is about; the script reads what it shows at a place of a
//! chart from there, so there is one source of numbers, and without the script nothing is missing.

use std::error::Error;

use maud::{DOCTYPE, Markup, PreEscaped, html};
use stanchion::Timestamp;

use super::charts::exact;
use super::run::{Band, Host, Run};
use super::sections::{self, Section};

/// Nothing is fetched, whatever the events say.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'";

/// Writes the page.
pub(super) fn write(run: &Run) -> Result<String, Box<dyn Error>> {
    let sections: [(&str, &str, Section); 5] = [
        ("phases", "Phases", sections::phases(run)),
        ("answers", "Requests by host and answer", sections::answers(run)),
        ("refusals", "Refusals by gate", sections::refusals(run)),
        ("tokens", "Tokens", sections::tokens(run)),
        ("in-flight", "Calls in flight", sections::in_flight(run)),
    ];
    let mut charts = Vec::new();
    for (id, title, section) in sections {
        charts.extend(section?.map(|section| (id, title, section)));
    }
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="color-scheme" content="light dark";
                title { "Run of " (run.name) }
                style { (PreEscaped(include_str!("page.css"))) }
            }
            body {
                a class="skip" href="#main" { "Skip to the summary" }
                header {
                    h1 { "Run of " code { (run.name) } }
                    p { (when(run)) }
                    nav aria-label="Sections" {
                        ul {
                            li { a href="#main" { "Summary" } }
                            @for (id, title, _) in &charts { li { a href={ "#" (id) } { (title) } } }
                            li { a href="#happened" { "What happened" } }
                        }
                    }
                }
                main id="main" tabindex="-1" {
                    (summary(run))
                    @for (id, title, section) in &charts {
                        section aria-labelledby=(id) { h2 id=(id) { (title) } (section) }
                    }
                    (happened(run))
                }
                footer { p { "Written by stanchion report. The numbers below each chart are all that it was drawn from." } }
                script { (PreEscaped(include_str!("page.js"))) }
            }
        }
    };
    Ok(page.into_string())
}

fn when(run: &Run) -> String {
    let begin = Timestamp::from_micros(run.begin_us).map_or_else(|| "an unknown time".to_owned(), |at| at.to_string());
    let left_out = match run.left_out {
        0 => String::new(),
        1 => "; 1 line was no event and was left out".to_owned(),
        lines => format!("; {lines} lines were no events and were left out"),
    };
    format!("Began at {begin}, lasted {:.1} s, told {} events{left_out}.", run.seconds(), run.events)
}

fn summary(run: &Run) -> Markup {
    html! {
        section aria-labelledby="summary" {
            h2 id="summary" { "Summary" }
            (at_a_glance(run))
            @if !run.hosts.is_empty() { (hosts(run)) }
            @if !run.verdicts.is_empty() { (verdicts(run)) }
        }
    }
}

fn at_a_glance(run: &Run) -> Markup {
    let sum = |bands: &[Band], what: &str| -> f64 {
        bands.iter().filter(|band| band.what == what).map(|band| band.to_s - band.from_s).sum()
    };
    let opened = run.circuit.iter().filter(|band| band.what == "open").count();
    let broken = run.verdicts.iter().filter(|verdict| !verdict.breaches.is_empty()).count();
    html! {
        dl {
            @if !run.verdicts.is_empty() {
                dt { "Laws" }
                @if broken == 0 { dd { "all " (run.verdicts.len()) " held" } }
                @else { dd class="broken" { (broken) " of " (run.verdicts.len()) " BROKEN" } }
            }
            dt { "Requests" } dd { (run.hosts.iter().map(|host| host.requests).sum::<usize>()) }
            dt { "Refused" } dd { (run.hosts.iter().map(|host| host.refused).sum::<usize>()) }
            @if !run.circuit.is_empty() {
                dt { "Circuit" }
                dd { "opened " (times(opened)) ", open for " (format!("{:.1}", sum(&run.circuit, "open"))) " s" }
            }
            @if !run.blocked.is_empty() {
                dt { "Blocked" } dd { "for " (format!("{:.1}", sum(&run.blocked, "blocked"))) " s" }
            }
            @if let Some(most) = run.in_flight.iter().max() {
                dt { "Most at once" } dd { (most) @if let Some(bound) = run.max_concurrent { " of " (bound) } }
            }
        }
    }
}

fn times(count: usize) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        count => format!("{count} times"),
    }
}

fn hosts(run: &Run) -> Markup {
    let answered = |answers: &[Vec<u32>], class: usize| answers[class].iter().sum::<u32>();
    let all = |of: fn(&Host) -> usize| run.hosts.iter().map(of).sum::<usize>();
    html! {
        div class="scroll" tabindex="0" role="region" aria-label="Requests by host" {
            table {
                caption { "What the upstream received from each host, and what the gates refused" }
                thead { tr {
                    th scope="col" { "host" } th scope="col" { "requests" }
                    @for class in &run.classes { th scope="col" { (class.name()) } }
                    th scope="col" { "given back" } th scope="col" { "refused" }
                } }
                tbody {
                    @for host in &run.hosts { tr {
                        th scope="row" { (host.name) } td { (host.requests) }
                        @for class in 0..run.classes.len() { td { (answered(&host.answers, class)) } }
                        td { (host.cancelled) } td { (host.refused) }
                    } }
                }
                tfoot { tr {
                    th scope="row" { "all" } td { (all(|host| host.requests)) }
                    @for class in 0..run.classes.len() {
                        td { (run.hosts.iter().map(|host| answered(&host.answers, class)).sum::<u32>()) }
                    }
                    td { (all(|host| host.cancelled)) } td { (all(|host| host.refused)) }
                } }
            }
        }
    }
}

fn verdicts(run: &Run) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="region" aria-label="Laws" {
            table class="words" {
                caption { "What the policy allows, and what was observed" }
                thead { tr {
                    @for title in ["law", "allowed", "observed", "verdict"] { th scope="col" { (title) } }
                } }
                tbody { @for verdict in run.verdicts { tr {
                    th scope="row" { (verdict.law) } td { (verdict.allowed) } td { (verdict.observed) }
                    @if verdict.breaches.is_empty() { td { "held" } }
                    @else { td class="broken" { "BROKEN" ul { @for breach in &verdict.breaches { li { (breach) } } } } }
                } } }
            }
        }
    }
}

fn happened(run: &Run) -> Markup {
    let mut lines = run.notes.clone();
    lines.extend(run.upstream.iter().map(|band| (band.from_s, format!("upstream: {}", band.what))));
    let seen = |band: &Band| band.by.as_ref().map(|by| (band.from_s, format!("circuit {} (seen by {by})", band.what)));
    lines.extend(run.circuit.iter().filter_map(seen));
    lines.extend(run.blocked.iter().map(|band| (band.from_s, format!("all wait until {} s", exact(band.to_s)))));
    lines.sort_by(|a, b| a.0.total_cmp(&b.0));
    html! {
        section aria-labelledby="happened" {
            h2 id="happened" { "What happened" }
            @if lines.is_empty() { p { "No edges and no processes were told." } }
            ol { @for (at_s, what) in &lines { li { span { (exact(*at_s)) " s" } " " span { (what) } } } }
        }
    }
}
