//! Curves with logarithmic axes, and beside each what would be straight.

use std::path::Path;

use plotters::prelude::*;

/// Which of its curves something is: everywhere the same colour.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    First,
    Second,
    Third,
    Aside,
}

impl Kind {
    fn colour(self) -> RGBColor {
        match self {
            Kind::First => RGBColor(0x1f, 0x77, 0xb4),
            Kind::Second => RGBColor(0xff, 0x7f, 0x0e),
            Kind::Third => RGBColor(0x2c, 0xa0, 0x2c),
            Kind::Aside => RGBColor(0x9a, 0x9a, 0x9a),
        }
    }
}

/// A curve, and what it would be if it were straight.
pub(crate) struct PlotLine {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) points: Vec<(f64, f64)>,
    pub(crate) straight: Vec<(f64, f64)>,
}

/// Draws some curves. All coordinates must be above 0.
pub(crate) fn curve(path: &Path, across: &str, up: &str, lines: &[PlotLine]) -> Result<(), String> {
    draw(path, across, up, lines).map_err(|e| format!("cannot draw {}: {e}", path.display()))
}

fn draw(
    path: &Path,
    across: &str,
    up: &str,
    lines: &[PlotLine],
) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::new(path, (760, 420)).into_drawing_area();
    root.fill(&WHITE)?;
    let points = || lines.iter().flat_map(|line| line.points.iter().chain(&line.straight));
    let least = |values: &mut dyn Iterator<Item = f64>| values.fold(f64::INFINITY, f64::min);
    let most = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
    let (left, right) = (least(&mut points().map(|p| p.0)), most(&mut points().map(|p| p.0)));
    let (low, high) = (least(&mut points().map(|p| p.1)), most(&mut points().map(|p| p.1)));
    let mut chart = ChartBuilder::on(&root)
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(60)
        .build_cartesian_2d(
            (left..right.max(left * 1.01)).log_scale(),
            // Room for the names of the curves.
            (low / 1.5..high * 4.0).log_scale(),
        )?;
    chart
        .configure_mesh()
        .x_desc(across)
        .y_desc(up)
        .light_line_style(TRANSPARENT)
        .x_label_formatter(&|x| short(*x))
        .y_label_formatter(&|y| short(*y))
        .draw()?;
    for line in lines {
        let colour = line.kind.colour();
        let drawn = LineSeries::new(line.points.iter().copied(), colour.stroke_width(2));
        chart
            .draw_series(drawn.point_size(3))?
            .label(line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
        let straight = line.straight.iter().copied();
        chart.draw_series(DashedLineSeries::new(straight, 4, 4, colour.stroke_width(1)))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE)
        .draw()?;
    Ok(root.present()?)
}

/// 100, 20 k, 3 M.
fn short(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{} M", v / 1e6),
        v if v >= 1e3 => format!("{} k", v / 1e3),
        v => format!("{v}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_of_one_point_can_be_drawn() {
        let folder = tempfile::tempdir().expect("there is a place for it");
        let path = folder.path().join("curve.svg");
        let points = vec![(1.0, 0.5)];
        let straight = points.clone();
        let line = PlotLine { name: "the line", kind: Kind::First, points, straight };
        curve(&path, "size", "cost", &[line]).expect("it can be drawn");
        let text = std::fs::read_to_string(path).expect("it is there");
        assert!(text.contains("the line") && text.contains("cost"));
    }

    #[test]
    fn large_numbers_are_short() {
        assert_eq!([0.1, 10.0, 20e3, 3e6].map(short), ["0.1", "10", "20 k", "3 M"]);
    }
}
