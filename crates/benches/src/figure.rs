//! What a row prints: each figure beside its goal, what the peer needs for it, and the floor below which nobody can go.
//! Nothing here measures.

/// One figure. Smaller is better in all of them.
pub struct Figure {
    what: &'static str,
    here: f64,
    unit: &'static str,
    goal: Option<f64>,
    peer: Option<f64>,
    floor: Option<(f64, &'static str)>,
}

impl Figure {
    pub fn new(what: &'static str, here: f64, unit: &'static str) -> Self {
        Self { what, here, unit, goal: None, peer: None, floor: None }
    }

    /// At most so much.
    pub fn goal(self, goal: f64) -> Self {
        Self { goal: Some(goal), ..self }
    }

    /// What the peer needs on this kind of machine, as the issue has it or as it was measured just now.
    pub fn peer(self, peer: f64) -> Self {
        Self { peer: Some(peer), ..self }
    }

    /// What cannot be saved, and why.
    pub fn floor(self, floor: f64, why: &'static str) -> Self {
        Self { floor: Some((floor, why)), ..self }
    }

    fn is_met(&self) -> bool {
        self.goal.is_none_or(|goal| self.here <= goal)
    }

    fn line(&self) -> String {
        let mut line = format!("  {:<30} {:>9} {:<5}", self.what, number(self.here), self.unit);
        if let Some(goal) = self.goal {
            let word = if self.is_met() { "met" } else { "MISSED" };
            line += &format!("  goal {:>6} {word:<6}{}", number(goal), ratio(self.here, goal));
        }
        if let Some(peer) = self.peer {
            line += &format!("  peer {:>6}{}", number(peer), ratio(self.here, peer));
        }
        if let Some((floor, why)) = self.floor {
            line += &format!("  floor {} ({why})", number(floor));
        }
        line
    }
}

/// How the figures did, over all rows.
#[derive(Default)]
pub struct Report {
    met: usize,
    missed: Vec<String>,
    unmeasured: Vec<String>,
    work: String,
}

impl Report {
    pub fn begin(&mut self, work: &str) {
        println!("{work}");
        work.clone_into(&mut self.work);
    }

    pub fn tell(&mut self, figure: &Figure) {
        println!("{}", figure.line());
        if !figure.is_met() {
            self.missed.push(format!("{}: {}", self.work, figure.what));
        } else if figure.goal.is_some() {
            self.met += 1;
        }
    }

    /// A row that could not be measured, and why.
    pub fn missing(&mut self, row: &str, reason: &str) {
        println!("  not measured: {reason}");
        self.unmeasured.push(format!("{row}: {reason}"));
    }

    pub fn close(self) {
        println!("\n{} goals met, {} missed, {} rows not measured", self.met, self.missed.len(), self.unmeasured.len());
        for missed in &self.missed {
            println!("  missed        {missed}");
        }
        for unmeasured in &self.unmeasured {
            println!("  not measured  {unmeasured}");
        }
    }
}

/// Three digits are all that a busy machine can tell.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 || value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn ratio(here: f64, of: f64) -> String {
    if of == 0.0 { " ".repeat(7) } else { format!(" ×{:<5.2}", here / of) }
}
