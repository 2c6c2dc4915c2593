//! The marks of scatters and legends: shapes that tell series apart where colour alone must not.

use std::iter::{Once, once};

use plotters::element::{Drawable, PointCollection};
use plotters::prelude::*;
use plotters_backend::{BackendCoord, DrawingErrorKind};

/// The shape of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    Dot,
    Ring,
    Square,
    HollowSquare,
    Triangle,
    Cross,
    /// A stroke of a line, in the legend.
    Line,
    /// A patch of shade, in the legend.
    Area,
}

/// A mark at a place given in the coordinates `C`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark<C> {
    pub(super) shape: Shape,
    pub(super) at: C,
    pub(super) colour: RGBColor,
    /// Half its width in pixels.
    pub(super) size: i32,
}

impl<'a, C> PointCollection<'a, C> for &'a Mark<C> {
    type Point = &'a C;
    type IntoIter = Once<&'a C>;

    fn point_iter(self) -> Self::IntoIter {
        once(&self.at)
    }
}

impl<C, DB: DrawingBackend> Drawable<DB> for Mark<C> {
    fn draw<I: Iterator<Item = BackendCoord>>(
        &self,
        mut pos: I,
        backend: &mut DB,
        _: (u32, u32),
    ) -> Result<(), DrawingErrorKind<DB::ErrorType>> {
        let Some((x, y)) = pos.next() else { return Ok(()) };
        let n = self.size;
        let colour = &self.colour;
        match self.shape {
            Shape::Dot => backend.draw_circle((x, y), n as u32, colour, true),
            Shape::Ring => backend.draw_circle((x, y), n as u32, colour, false),
            Shape::Square => backend.draw_rect((x - n, y - n), (x + n, y + n), colour, true),
            Shape::HollowSquare => backend.draw_rect((x - n, y - n), (x + n, y + n), colour, false),
            Shape::Triangle => {
                backend.fill_polygon([(x, y - n - 1), (x - n - 1, y + n), (x + n + 1, y + n)], colour)
            }
            Shape::Cross => {
                backend.draw_line((x - n, y - n), (x + n, y + n), colour)?;
                backend.draw_line((x - n, y + n), (x + n, y - n), colour)
            }
            Shape::Line => backend.draw_rect((x - 2 * n, y - 1), (x + 2 * n, y + 1), colour, true),
            Shape::Area => backend.draw_rect(
                (x - 2 * n, y - n - 1),
                (x + 2 * n, y + n + 1),
                &colour.mix(0.4),
                true,
            ),
        }
    }
}
