//! The SQL type `segrec_clusters`: the result of k-means. A value is read in place, in native byte order: format (4),
//! dimensions (4), segments (4), rows (8), inertia (8), then the size of each segment (8 each), then the centroids (4
//! per value). Its text form is JSON.

use crate::error::{FeatureProblem, Result, SegrecError};
use crate::pg::datums::features::{LARGEST_FEATURE, MOST_FEATURES};
use crate::pg::datums::varlena::floats;
use crate::pg::process::memory::ask;
use crate::pg::process::workers::{is_asked_to_stop, run_alone};
use segrec_engine::memory;
use segrec_engine::segmentation::streaming::CoresetClusters;
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::ser::Formatter;
use std::borrow::Cow;
use std::io::{self, Write};

/// The maximum number of segments that `segrec_kmeans` finds.
pub const MOST_SEGMENTS: i32 = 4096;
const FORMAT: u32 = 1;
/// The number of bytes before the sizes.
const HEADER: usize = 28;

/// A borrowed value.
pub struct StoredClusters<'a> {
    dimensions: usize,
    rows: u64,
    inertia: f64,
    sizes: &'a [[u8; 8]],
    centroids: Cow<'a, [f32]>,
}

/// Encodes the flat form.
///
/// # Errors
/// If there is not enough memory.
pub fn flatten(clusters: &CoresetClusters) -> Result<Vec<u8>> {
    let mut bytes = memory::with_room(HEADER + 8 * clusters.sizes.len() + 4 * clusters.centroids.len())?;
    for number in [FORMAT, clusters.columns as u32, clusters.sizes.len() as u32] {
        bytes.extend(number.to_ne_bytes());
    }
    bytes.extend(clusters.rows.to_ne_bytes());
    bytes.extend(clusters.inertia.to_ne_bytes());
    clusters.sizes.iter().for_each(|size| bytes.extend(size.to_ne_bytes()));
    clusters.centroids.iter().for_each(|value| bytes.extend(value.to_ne_bytes()));
    Ok(bytes)
}

impl<'a> StoredClusters<'a> {
    /// Decodes the flat form.
    ///
    /// # Errors
    /// If its parts do not match.
    pub fn read(bytes: &'a [u8]) -> Result<Self> {
        let damaged = || SegrecError::InvalidValue {
            of: "segrec_clusters",
            reason: "Its parts do not match.".to_owned(),
            hint: "Use only unchanged clusters from an aggregate of pg_segrec.",
        };
        let (header, rest) = bytes.split_first_chunk::<HEADER>().ok_or_else(damaged)?;
        let number =
            |at: usize| u32::from_ne_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let eight = |at: usize| std::array::from_fn(|byte| header[at + byte]);
        let (dimensions, count) = (number(4) as usize, number(8) as usize);
        let length =
            dimensions.checked_mul(count).and_then(|values| values.checked_mul(4)?.checked_add(8 * count));
        if number(0) != FORMAT || length != Some(rest.len()) || dimensions == 0 || count == 0 {
            return Err(damaged());
        }
        let (sizes, centroids) = rest.split_at(8 * count);
        Ok(Self {
            dimensions,
            rows: u64::from_ne_bytes(eight(12)),
            inertia: f64::from_ne_bytes(eight(20)),
            sizes: sizes.as_chunks().0,
            centroids: floats(centroids),
        })
    }

    /// The segment whose centroid is nearest, from 1; ties go to the lower number.
    ///
    /// # Errors
    /// If the number of features differs from that of the centroids.
    pub fn assign(&self, features: &[f32]) -> Result<i32> {
        let (expected, found) = (self.dimensions, features.len());
        if expected != found {
            let whose = "the clusters have";
            return Err(SegrecError::Features(FeatureProblem::Length { expected, found, whose }));
        }
        let mut best = (0, f32::INFINITY);
        for (segment, centroid) in (1..).zip(self.centroids.chunks_exact(self.dimensions)) {
            let distance = square_distance(features, centroid);
            if distance < best.1 {
                best = (segment, distance);
            }
        }
        Ok(best.0)
    }

    /// The number, size and centroid of each segment.
    pub fn segments(&self) -> impl Iterator<Item = (i32, i64, &[f32])> {
        (1..)
            .zip(self.sizes)
            .zip(self.centroids.chunks_exact(self.dimensions))
            .map(|((segment, &size), centroid)| (segment, u64::from_ne_bytes(size) as i64, centroid))
    }

    /// Encodes the text form.
    pub fn to_text(&self) -> Result<String> {
        // A value takes up to 16 bytes, and a growing buffer doubles while its old half still exists.
        ask("the text of clusters", 3 * 16 * self.centroids.len())?;
        let text = Written {
            dimensions: self.dimensions,
            rows: self.rows,
            inertia: self.inertia,
            segments: WrittenSegments(self),
        };
        let mut bytes = Vec::new();
        let written =
            run_alone(|_| text.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, Spaced)));
        written.map_err(|error| SegrecError::Internal(error.to_string()))?;
        String::from_utf8(bytes).map_err(|error| SegrecError::Internal(error.to_string()))
    }
}

/// ‖a − b‖², with eight accumulators so that the compiler can vectorize it.
#[inline]
fn square_distance(a: &[f32], b: &[f32]) -> f32 {
    let (a_body, a_tail) = a.as_chunks::<8>();
    let (b_body, b_tail) = b.as_chunks::<8>();
    let mut sums = [0.0f32; 8];
    for (a, b) in a_body.iter().zip(b_body) {
        for lane in 0..8 {
            sums[lane] += (a[lane] - b[lane]) * (a[lane] - b[lane]);
        }
    }
    let tail: f32 = a_tail.iter().zip(b_tail).map(|(a, b)| (a - b) * (a - b)).sum();
    sums.iter().sum::<f32>() + tail
}

/// The text form: a JSON object with these fields.
#[derive(Serialize)]
struct Written<'a> {
    dimensions: usize,
    rows: u64,
    inertia: f64,
    segments: WrittenSegments<'a>,
}

/// Serializes the segments, checking for interrupts.
struct WrittenSegments<'a>(&'a StoredClusters<'a>);

impl Serialize for WrittenSegments<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct WrittenSegment<'a> {
            size: i64,
            centroid: &'a [f32],
        }
        let segments = self.0.segments().take_while(|_| !is_asked_to_stop());
        serializer.collect_seq(segments.map(|(_, size, centroid)| WrittenSegment { size, centroid }))
    }
}

/// The text form for deserialization.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    dimensions: usize,
    rows: u64,
    inertia: f64,
    #[serde(deserialize_with = "read_segments")]
    segments: Vec<Segment>,
}

/// Deserializes the segments, checking for interrupts.
fn read_segments<'de, D: Deserializer<'de>>(reader: D) -> Result<Vec<Segment>, D::Error> {
    struct Segments;
    impl<'de> Visitor<'de> for Segments {
        type Value = Vec<Segment>;

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("a sequence")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut reader: A) -> Result<Vec<Segment>, A::Error> {
            let mut segments = Vec::new();
            while let Some(segment) = reader.next_element()? {
                if is_asked_to_stop() {
                    return Err(serde::de::Error::custom("the reading was stopped"));
                }
                segments.push(segment);
            }
            Ok(segments)
        }
    }
    reader.deserialize_seq(Segments)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Segment {
    size: u64,
    centroid: Vec<f32>,
}

/// Parses the text form and encodes the flat form.
///
/// # Errors
/// If the text is not valid.
pub fn parse(text: &str) -> Result<Vec<u8>> {
    // Two bytes of text can become a value of four bytes, there are three copies, and growing vectors double.
    ask("clusters from a text", 8 * text.len())?;
    let parsed =
        run_alone(|_| serde_json::from_str::<Text>(text)).map_err(|error| invalid(error.to_string()))?;
    flatten(&checked(parsed).map_err(invalid)?)
}

/// Validates a flat form sent by a client.
///
/// # Errors
/// If it is not valid.
pub fn receive(bytes: &[u8]) -> Result<Vec<u8>> {
    let clusters = StoredClusters::read(bytes).map_err(|_| invalid("Its parts do not match.".to_owned()))?;
    parse(&clusters.to_text()?)
}

fn invalid(reason: String) -> SegrecError {
    SegrecError::InvalidValue {
        of: "segrec_clusters",
        reason,
        hint: "Write clusters as segrec_kmeans returns them, as in {\"dimensions\": 2, \"rows\": 3, \"inertia\": 0.5, \"segments\": [{\"size\": 3, \"centroid\": [1, 2.5]}]}.",
    }
}

fn checked(text: Text) -> Result<CoresetClusters, String> {
    let Text { dimensions, rows, inertia, segments } = text;
    if !(1..=MOST_FEATURES).contains(&dimensions) {
        return Err(format!("\"dimensions\" is {dimensions}, but must be from 1 to {MOST_FEATURES}."));
    }
    if segments.is_empty() || segments.len() > MOST_SEGMENTS as usize {
        return Err(format!(
            "The number of \"segments\" is {}, but must be from 1 to {MOST_SEGMENTS}.",
            segments.len()
        ));
    }
    if !(inertia.is_finite() && inertia >= 0.0) {
        return Err(format!("\"inertia\" is {inertia}, but must be a number of at least 0."));
    }
    let mut total = 0u64;
    for (number, segment) in (1..).zip(&segments) {
        let found = segment.centroid.len();
        if found != dimensions {
            return Err(format!("The centroid of segment {number} has {found} values, not {dimensions}."));
        }
        if !segment.centroid.iter().all(|value| value.abs() <= LARGEST_FEATURE) {
            return Err(format!("The centroid of segment {number} has a value beyond 1e15."));
        }
        total = total.saturating_add(segment.size);
    }
    if total != rows || i64::try_from(rows).is_err() {
        return Err(format!("\"rows\" is {rows}, but the sizes of the segments add up to {total}."));
    }
    let sizes = segments.iter().map(|segment| segment.size).collect();
    let centroids = segments.into_iter().flat_map(|segment| segment.centroid).collect();
    Ok(CoresetClusters { columns: dimensions, rows, inertia, sizes, centroids })
}

/// Formats JSON like `jsonb`: a blank after `:` and `,`, and no fraction for integers.
struct Spaced;

/// Whether to write a number without an exponent; the digits are the shortest that round-trip in either case.
fn is_plain(value: f64) -> bool {
    value == 0.0 || (1e-5..1e16).contains(&value.abs())
}

impl Formatter for Spaced {
    fn write_f32<W: ?Sized + Write>(&mut self, writer: &mut W, value: f32) -> io::Result<()> {
        if is_plain(value.into()) { write!(writer, "{value}") } else { write!(writer, "{value:e}") }
    }

    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        if is_plain(value) { write!(writer, "{value}") } else { write!(writer, "{value:e}") }
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }
}
