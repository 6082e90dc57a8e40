//! The charts, as SVG.
//!
//! A colour here is only a name: what is drawn gets a class, and the style sheet gives the class its colour, a light one and a
//! dark one.

use plotters::coord::Shift;
use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::{
    Cartesian2d, ChartBuilder, ChartContext, Color, DrawingArea, IntoDrawingArea, IntoFont, IntoSegmentedCoord,
    LineSeries, RGBColor, Rectangle, SVGBackend, SegmentValue, ShapeStyle, TRANSPARENT, Text, TextStyle,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::run::{Band, Steps};

/// A chart, and where its time begins and ends in percent of its width.
pub(super) struct Chart {
    pub(super) svg: String,
    pub(super) left: f64,
    pub(super) right: f64,
}

/// What a chart is drawn with: the class that the style sheet knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Paint(u8);

/// The classes. Their order is nobody's business: a paint is its place here.
const CLASSES: [&str; 26] = [
    "ink",
    "grid",
    "ok",
    "client",
    "throttled",
    "server",
    "none",
    "circuit",
    "block",
    "limit-0",
    "limit-1",
    "limit-2",
    "bulkhead",
    "other",
    "line-0",
    "line-1",
    "line-2",
    "line-3",
    "bound",
    "even",
    "odd",
    "closed",
    "open",
    "half-open",
    "blocked",
    "unknown",
];
const INK: Paint = Paint(0);
const GRID: Paint = Paint(1);

impl Paint {
    /// The paint of that class; events may name what has none.
    pub(super) fn of(class: &str) -> Self {
        let place = CLASSES.iter().position(|known| *known == class).unwrap_or(CLASSES.len() - 1);
        Self(u8::try_from(place).unwrap_or(0))
    }

    pub(super) fn class(self) -> &'static str {
        CLASSES[usize::from(self.0)]
    }

    const fn color(self) -> RGBColor {
        RGBColor(1, 2, self.0)
    }
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// Drawing into memory cannot fail; what the library says if it does is told.
type Drawn<T> = Result<T, Box<dyn std::error::Error>>;

const WIDTH: u32 = 1000;
/// Room for the words below and left of a chart, in px.
const BELOW: u32 = 42;
const LEFT: u32 = 84;

/// Bars upon bars: how many of each class in each step. All charts with the same `most` compare.
pub(super) fn stacked(steps: Steps, most: u32, series: &[(Paint, &[u32])], of_what: &str) -> Drawn<Chart> {
    draw(180, |root| {
        let room = most.saturating_add(most / 20).saturating_add(1);
        let mut chart = plot(root).build_cartesian_2d(0.0..steps.end_s(), 0..room)?;
        mesh(&mut chart, 4, of_what, &|count| count.to_string())?;
        for place in 0..steps.count {
            let (from_s, to_s) = steps.seconds(place);
            let gap = (to_s - from_s) * 0.08;
            let mut below = 0;
            for (paint, counts) in series {
                let count = counts.get(place).copied().unwrap_or(0);
                if count > 0 {
                    let corners = [(from_s + gap, below), (to_s - gap, below + count)];
                    chart.draw_series([Rectangle::new(corners, paint.color().filled())])?;
                    below += count;
                }
            }
        }
        Ok(chart.plotting_area().get_pixel_range().0)
    })
}

/// Levels over time, and what bounds them.
pub(super) fn lines(
    end_s: f64,
    most: f64,
    series: &[(Paint, Vec<(f64, f64)>)],
    bound: Option<f64>,
    of_what: &str,
) -> Drawn<Chart> {
    draw(220, |root| {
        let mut chart = plot(root).build_cartesian_2d(0.0..end_s, 0.0..most * 1.05)?;
        mesh(&mut chart, 5, of_what, &|level| exact(*level))?;
        if let Some(bound) = bound {
            let style = ShapeStyle::from(Paint::of("bound").color()).stroke_width(2);
            chart.draw_series(LineSeries::new([(0.0, bound), (end_s, bound)], style))?;
        }
        for (paint, points) in series {
            let style = ShapeStyle::from(paint.color()).stroke_width(2);
            chart.draw_series(LineSeries::new(points.iter().copied(), style))?;
        }
        Ok(chart.plotting_area().get_pixel_range().0)
    })
}

/// Rows of bands, each with its name on it where it has room.
pub(super) fn bands(end_s: f64, rows: &[(&str, Vec<(Paint, &Band)>)]) -> Drawn<Chart> {
    let names: Vec<&str> = rows.iter().map(|(name, _)| *name).collect();
    let last = i32::try_from(rows.len()).unwrap_or(i32::MAX).saturating_sub(1);
    let height = 66 + 38 * u32::try_from(rows.len()).unwrap_or(1);
    draw(height, |root| {
        let mut chart = plot(root).build_cartesian_2d(0.0..end_s, (0..last).into_segmented())?;
        // The first row is at the top.
        let name = |segment: &SegmentValue<i32>| match segment {
            SegmentValue::CenterOf(row) => usize::try_from(last - row).ok().and_then(|row| names.get(row)).copied(),
            _ => None,
        };
        mesh(&mut chart, rows.len(), "", &|segment| name(segment).unwrap_or_default().to_owned())?;
        let px_s = f64::from(WIDTH - LEFT - 32) / end_s;
        for (row, (_, bands)) in (0..=last).rev().zip(rows) {
            for (paint, band) in bands {
                let corners = [(band.from_s, SegmentValue::Exact(row)), (band.to_s, SegmentValue::Exact(row + 1))];
                let mut bar = Rectangle::new(corners, paint.color().filled());
                bar.set_margin(5, 5, 0, 0);
                chart.draw_series([bar])?;
                if (band.to_s - band.from_s) * px_s >= width_px(&band.what) {
                    let middle = (f64::midpoint(band.from_s, band.to_s), SegmentValue::CenterOf(row));
                    let style = words().pos(Pos::new(HPos::Center, VPos::Center));
                    chart.draw_series([Text::new(band.what.clone(), middle, style)])?;
                }
            }
        }
        Ok(chart.plotting_area().get_pixel_range().0)
    })
}

/// The frame of every chart: equal margins, so that their times stand below each other.
fn plot<'a, 'b>(root: &'a Area<'b>) -> ChartBuilder<'a, 'b, SVGBackend<'b>> {
    let mut chart = ChartBuilder::on(root);
    chart.margin(8).margin_right(16).x_label_area_size(BELOW).y_label_area_size(LEFT);
    chart
}

/// The axes and the lines behind a chart.
fn mesh<Y>(
    chart: &mut ChartContext<'_, SVGBackend<'_>, Cartesian2d<RangedCoordf64, Y>>,
    rows: usize,
    of_what: &str,
    name: &dyn Fn(&Y::ValueType) -> String,
) -> Drawn<()>
where
    Y: Ranged + ValueFormatter<<Y as Ranged>::ValueType>,
{
    let mut mesh = chart.configure_mesh();
    mesh.disable_x_mesh().y_labels(rows).x_labels(12).x_desc("seconds since the run began").y_desc(of_what);
    mesh.x_label_formatter(&|at_s| exact(*at_s)).y_label_formatter(name);
    mesh.label_style(words()).axis_style(GRID.color()).bold_line_style(GRID.color()).light_line_style(TRANSPARENT);
    mesh.draw()?;
    Ok(())
}

fn draw(height: u32, paint: impl FnOnce(&Area<'_>) -> Drawn<std::ops::Range<i32>>) -> Drawn<Chart> {
    let mut svg = String::new();
    let range = {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        let range = paint(&root)?;
        root.present()?;
        range
    };
    let percent = |px: i32| f64::from(px) * 100.0 / f64::from(WIDTH);
    Ok(Chart { svg: classed(&svg), left: percent(range.start), right: percent(range.end) })
}

/// The drawing with classes instead of colours, as a part of a page.
fn classed(svg: &str) -> String {
    let mut svg = svg.replace(" xmlns=\"http://www.w3.org/2000/svg\"", " aria-hidden=\"true\" focusable=\"false\"");
    for (place, class) in CLASSES.iter().enumerate() {
        let color = format!("#0102{place:02X}");
        svg = svg.replace(&format!("fill=\"{color}\""), &format!("class=\"fill {class}\""));
        svg = svg.replace(&format!("stroke=\"{color}\""), &format!("class=\"stroke {class}\""));
    }
    svg
}

fn words() -> TextStyle<'static> {
    ("sans-serif", 13).into_font().color(&INK.color())
}

/// How much room a word needs: a letter takes about 7 px.
fn width_px(word: &str) -> f64 {
    f64::from(u32::try_from(word.chars().count()).unwrap_or(u32::MAX)) * 7.0 + 6.0
}

/// A number with at most three digits behind the point.
pub(super) fn exact(number: f64) -> String {
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
