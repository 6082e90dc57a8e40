//! The sections of the page that have a chart: what it shows in a sentence, a legend, the chart, and its numbers as a table.

use std::error::Error;

use maud::{Markup, PreEscaped, html};

use super::charts::{self, Chart, Paint, exact};
use super::run::{Band, Class, Run};

/// A section; none where the run has nothing for it.
pub(super) type Section = Result<Option<Markup>, Box<dyn Error>>;

pub(super) fn phases(run: &Run) -> Section {
    let painted = |bands: &'_ [Band], paint: &dyn Fn(usize, &Band) -> Paint| -> Vec<(Paint, Band)> {
        bands.iter().enumerate().map(|(place, band)| (paint(place, band), band.clone())).collect()
    };
    let rows = [
        ("upstream", painted(&run.upstream, &|place, _| Paint::of(if place % 2 == 0 { "even" } else { "odd" }))),
        ("circuit", painted(&run.circuit, &|_, band| Paint::of(&band.what))),
        ("block", painted(&run.blocked, &|_, _| Paint::of("blocked"))),
    ];
    let rows: Vec<_> = rows.into_iter().filter(|(_, bands)| !bands.is_empty()).collect();
    if rows.is_empty() {
        return Ok(None);
    }
    let drawn: Vec<(&str, Vec<(Paint, &Band)>)> =
        rows.iter().map(|(name, bands)| (*name, bands.iter().map(|(paint, band)| (*paint, band)).collect())).collect();
    let chart = charts::bands(run.seconds(), &drawn)?;
    let legend = ["closed", "open", "half-open", "blocked"];
    let is_there = |what: &&&str| rows.iter().any(|(_, bands)| bands.iter().any(|(_, band)| band.what == ***what));
    let legend: Vec<_> = legend.iter().filter(is_there).map(|what| (Paint::of(what), (*what).to_owned())).collect();
    let table = html! {
        thead { tr { @for title in ["of", "from s", "to s", "is", "seen by"] { th scope="col" { (title) } } } }
        tbody { @for (name, bands) in &rows { @for (_, band) in bands {
            tr data-from=(exact(band.from_s)) data-to=(exact(band.to_s)) {
                th scope="row" { (name) } td { (exact(band.from_s)) } td { (exact(band.to_s)) } td { (band.what) }
                td { (band.by.as_deref().unwrap_or("")) }
            }
        } } }
    };
    Ok(Some(html! {
        p { "What the upstream did, what the circuit made of it, and when everybody waited for a Retry-After." }
        (legends(&legend))
        (figure("Phases", &chart, "bands"))
        (numbers("phases", &table))
    }))
}

fn paint_of(class: Class) -> Paint {
    Paint::of(match class {
        Class::Ok => "ok",
        Class::Client => "client",
        Class::Throttled => "throttled",
        Class::Server => "server",
        Class::None => "none",
    })
}

pub(super) fn answers(run: &Run) -> Section {
    let hosts: Vec<_> = run.hosts.iter().filter(|host| host.answers.iter().flatten().any(|count| *count > 0)).collect();
    if hosts.is_empty() {
        return Ok(None);
    }
    let sum = |answers: &[Vec<u32>], place: usize| answers.iter().map(|counts| counts[place]).sum::<u32>();
    let sums = hosts.iter().flat_map(|host| (0..run.steps.count).map(|place| sum(&host.answers, place)));
    let most = sums.max().unwrap_or(0);
    let legend: Vec<_> = run.classes.iter().map(|class| (paint_of(*class), class.name().to_owned())).collect();
    let mut parts = Vec::new();
    for host in hosts {
        let paints = run.classes.iter().map(|class| paint_of(*class));
        let series: Vec<(Paint, &[u32])> = paints.zip(host.answers.iter().map(Vec::as_slice)).collect();
        let chart = charts::stacked(run.steps, most, &series, "answers")?;
        let names: Vec<&str> = run.classes.iter().map(|class| class.name()).collect();
        let table = counts(run, &names, &host.answers);
        parts.push(html! {
            h3 { (host.name) }
            (figure(&format!("Answers to {}", host.name), &chart, "counts"))
            (numbers(&format!("answers to {}", host.name), &table))
        });
    }
    Ok(Some(html! {
        p { "How many requests of each host were answered how, in each " (step(run)) ". All hosts have the same scale." }
        (legends(&legend))
        @for part in &parts { (part) }
    }))
}

pub(super) fn refusals(run: &Run) -> Section {
    let by_gate: Vec<Vec<u32>> = run.gates.iter().map(|(_, counts)| counts.clone()).collect();
    let most = (0..run.steps.count).map(|place| by_gate.iter().map(|counts| counts[place]).sum::<u32>()).max();
    let Some(most) = most.filter(|most| *most > 0) else { return Ok(None) };
    let paints = gate_paints(run);
    let series: Vec<(Paint, &[u32])> = paints.iter().copied().zip(by_gate.iter().map(Vec::as_slice)).collect();
    let chart = charts::stacked(run.steps, most, &series, "refusals")?;
    let names: Vec<&str> = run.gates.iter().map(|(name, _)| *name).collect();
    let legend: Vec<_> = paints.into_iter().zip(names.iter().map(|name| (*name).to_owned())).collect();
    Ok(Some(html! {
        p { "How many calls were refused in each " (step(run)) ", by the gate that held them up longest." }
        (legends(&legend))
        (figure("Refusals", &chart, "counts"))
        (numbers("refusals", &counts(run, &names, &by_gate)))
    }))
}

fn gate_paints(run: &Run) -> Vec<Paint> {
    let mut limits = 0_usize;
    let mut paint = |name: &str| match name {
        "circuit" | "block" | "bulkhead" => Paint::of(name),
        _ if name.starts_with("limit:") => {
            limits += 1;
            Paint::of(&format!("limit-{}", (limits - 1).min(2)))
        }
        _ => Paint::of("other"),
    };
    run.gates.iter().map(|(name, _)| paint(name)).collect()
}

pub(super) fn tokens(run: &Run) -> Section {
    if run.limits.is_empty() {
        return Ok(None);
    }
    let paint = |place: usize| Paint::of(&format!("line-{}", place.min(3)));
    let series: Vec<_> =
        run.limits.iter().enumerate().map(|(place, level)| (paint(place), level.points.clone())).collect();
    let most = run.limits.iter().map(|level| level.capacity).max().unwrap_or(1);
    let most = f64::from(u32::try_from(most).unwrap_or(u32::MAX));
    let chart = charts::lines(run.seconds(), most, &series, None, "tokens")?;
    let legend = run.limits.iter().enumerate();
    let legend: Vec<_> =
        legend.map(|(place, level)| (paint(place), format!("{} (of {})", level.name, level.capacity))).collect();
    let first = &run.limits[0].points;
    let ends = first.iter().skip(1).map(|(at_s, _)| *at_s).chain([run.seconds()]);
    let table = html! {
        thead { tr { th scope="col" { "at s" } @for level in &run.limits { th scope="col" { (level.name) } } } }
        tbody { @for (place, ((at_s, _), to_s)) in first.iter().zip(ends).enumerate() {
            tr data-from=(exact(*at_s)) data-to=(exact(to_s)) {
                th scope="row" { (exact(*at_s)) }
                @for level in &run.limits {
                    td { @if let Some((_, tokens)) = level.points.get(place) { (exact(*tokens)) } }
                }
            }
        } }
    };
    Ok(Some(html! {
        p { "What was left of each limit, as the store said." }
        (legends(&legend))
        (figure("Tokens", &chart, "counts"))
        (numbers("tokens", &table))
    }))
}

pub(super) fn in_flight(run: &Run) -> Section {
    let Some(most) = run.in_flight.iter().max() else { return Ok(None) };
    let bound = run.max_concurrent.and_then(|bound| u32::try_from(bound).ok());
    let top = f64::from(bound.unwrap_or(0).max(*most).max(1));
    let series = [(Paint::of("line-0"), steps_of(run))];
    let chart = charts::lines(run.seconds(), top, &series, bound.map(f64::from), "calls at once")?;
    let mut legend = vec![(Paint::of("line-0"), format!("most at once in each {}", step(run)))];
    legend.extend(bound.map(|bound| (Paint::of("bound"), format!("max_concurrent ({bound})"))));
    let table = counts(run, &["most at once"], std::slice::from_ref(&run.in_flight));
    Ok(Some(html! {
        p { "Permits that were taken and not given back, in the order of the writes; those of a killed process end with \
             their lease." }
        (legends(&legend))
        (figure("Calls in flight", &chart, "counts"))
        (numbers("calls in flight", &table))
    }))
}

/// The counts as a line that stays through each step.
fn steps_of(run: &Run) -> Vec<(f64, f64)> {
    let corners = |(place, count): (usize, &u32)| {
        let (from_s, to_s) = run.steps.seconds(place);
        [(from_s, f64::from(*count)), (to_s, f64::from(*count))]
    };
    run.in_flight.iter().enumerate().flat_map(corners).collect()
}

/// The table of counts in each step.
fn counts(run: &Run, names: &[&str], columns: &[Vec<u32>]) -> Markup {
    html! {
        thead { tr { th scope="col" { "from s" } @for name in names { th scope="col" { (name) } } } }
        tbody { @for place in 0..run.steps.count {
            @let (from_s, to_s) = run.steps.seconds(place);
            tr data-from=(exact(from_s)) data-to=(exact(to_s)) {
                th scope="row" { (exact(from_s)) }
                @for column in columns { td { (column.get(place).copied().unwrap_or(0)) } }
            }
        } }
    }
}

/// A chart that the script gives a cursor.
fn figure(title: &str, chart: &Chart, kind: &str) -> Markup {
    html! {
        figure data-title=(title) data-kind=(kind) data-left=(exact(chart.left)) data-right=(exact(chart.right)) {
            div class="scroll plot" { div class="sheet" { (PreEscaped(&chart.svg)) } }
        }
    }
}

fn legends(entries: &[(Paint, String)]) -> Markup {
    html! {
        ul class="legend" { @for (paint, name) in entries {
            li { span class={ "swatch " (paint.class()) } aria-hidden="true" {} (name) }
        } }
    }
}

fn numbers(of_what: &str, table: &Markup) -> Markup {
    html! {
        details {
            summary { "The numbers: " (of_what) }
            div class="scroll tall" tabindex="0" role="region" aria-label={ "Numbers: " (of_what) } { table { (table) } }
        }
    }
}

fn step(run: &Run) -> String {
    let each_s = run.steps.each_s();
    if (each_s - 1.0).abs() < 1e-9 { "second".to_owned() } else { format!("{} s", exact(each_s)) }
}
