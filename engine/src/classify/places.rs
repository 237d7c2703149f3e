//! Conditions on what stands at several places of a body, taken together: where APIs differ in where they put the same fact.
//!
//! Must not go here: which places a protocol has (`policy::compile::llm`), finding values (`body`).

use super::body::{Found, PointerId, Values};
use super::predicate::{Test, Value};
use super::truth::Truth;

#[derive(Clone, Debug)]
pub struct Places {
    /// Some facts are said by a value's being there: then it counts as this text.
    pub at: Vec<(PointerId, Option<&'static str>)>,
    pub measure: Measure,
    pub test: Test,
}

/// What of the values is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Each; where they differ the test may hold.
    Value,
    /// The characters of all texts together.
    Characters,
    /// How many there are.
    Number,
}

impl Places {
    pub fn truth(&self, values: &Values<'_>) -> Truth {
        let mut found = self.at.iter().flat_map(|(at, means)| values.all(*at).iter().map(|found| (found, *means)));
        match self.measure {
            Measure::Value => self.each(found),
            Measure::Characters => self.sum(&mut found, |value| match value {
                Value::Text(text) => text.chars().count(),
                _ => 0,
            }),
            Measure::Number => self.sum(&mut found, |_| 1),
        }
    }

    /// What it says of a request without a body.
    pub fn on_nothing(&self) -> Truth {
        self.truth(&Values::none())
    }

    fn each<'f, 'v: 'f>(&self, found: impl Iterator<Item = (&'f Found<'v>, Option<&'static str>)>) -> Truth {
        let there = found.filter(|(found, means)| means.is_none() || found.value != Value::Null);
        let mut certain = false;
        let truth = there.map(|(found, means)| {
            certain |= found.certain;
            means.map_or_else(|| self.test.on(&found.value), |text| self.test.on_text(text))
        });
        let truth = Truth::mixed(truth);
        let absent = (!certain).then(|| self.test.on_absent());
        Truth::mixed(truth.into_iter().chain(absent)).unwrap_or(Truth::False)
    }

    /// A value that only some parsers find may count or not.
    fn sum<'f, 'v: 'f>(
        &self,
        found: &mut dyn Iterator<Item = (&'f Found<'v>, Option<&'static str>)>,
        size: fn(&Value<'v>) -> usize,
    ) -> Truth {
        let (mut least, mut most) = (0, 0);
        for (found, _) in found {
            let size = size(&found.value);
            most += size;
            least += if found.certain { size } else { 0 };
        }
        let on = |sum: usize| self.test.on(&Value::Number(&sum.to_string()));
        on(least).mix(on(most))
    }
}
