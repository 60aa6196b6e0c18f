//! What one run may cost: steps (every node that is evaluated, and one for each 16 bytes that a function makes) and bytes that are
//! written. Never time: a bound that depends on the machine would let a template pass on one and fail on another.
//! Specification: design §3; SS §14 "bound template run time/output size".

use base::limit;

/// How many bytes a function makes for one step: the step budget is the memory budget, too.
const BYTES_A_STEP: usize = 16;

/// The fuel of one run.
pub struct Fuel {
    steps: u64,
    limit_steps: u64,
    limit_bytes: usize,
}

impl Default for Fuel {
    fn default() -> Self {
        Self::new(limit::TEMPLATE_STEPS, limit::TEMPLATE_BYTES)
    }
}

impl Fuel {
    /// So many steps, and so many bytes for the output and for each value on the way.
    #[must_use]
    pub fn new(steps: u64, bytes: usize) -> Self {
        Self { steps, limit_steps: steps, limit_bytes: bytes }
    }

    /// Takes steps away.
    pub(crate) fn burn(&mut self, steps: u64) -> Result<(), String> {
        match self.steps.checked_sub(steps) {
            Some(left) => {
                self.steps = left;
                Ok(())
            }
            None => {
                self.steps = 0;
                Err(format!("the template needs more than {} steps", self.limit_steps))
            }
        }
    }

    /// Takes the steps of a value of that many bytes away, before it is made.
    pub(crate) fn make(&mut self, bytes: usize) -> Result<(), String> {
        if bytes > self.limit_bytes {
            return Err(self.too_long());
        }
        self.burn((bytes / BYTES_A_STEP) as u64)
    }

    /// The bytes that one value, or the output, may have.
    pub(crate) fn limit_bytes(&self) -> usize {
        self.limit_bytes
    }

    pub(crate) fn too_long(&self) -> String {
        format!("the template makes more than {} bytes in one piece", self.limit_bytes)
    }
}
