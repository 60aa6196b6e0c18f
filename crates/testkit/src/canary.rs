//! A canary: a value that is planted wherever a value may be, and must sing nowhere else – neither plain nor as base64.
//! Who plants it and looks is the test's business. Specification: design §8 "That they are never shown".

use base::encoding::Base64;

/// What is planted.
pub const CANARY: &str = "c4n4ry-that-must-not-sing";

/// What stands around the first place in a text where it sings.
#[must_use]
pub fn song(text: &str) -> Option<&str> {
    let at = songs().iter().find_map(|song| text.find(song.as_str()))?;
    Some(&text[text.floor_char_boundary(at.saturating_sub(300))..text.ceil_char_boundary(at + 100)])
}

/// As it is, and as it looks inside of base64, at whichever of the three places of a group it begins.
fn songs() -> Vec<String> {
    let shifted = (0..3).map(|shift| {
        let encoded = Base64::Standard.encode(format!("{}{CANARY}", "x".repeat(shift)).as_bytes());
        // The first group may hold other letters, the last what follows.
        encoded[4..encoded.len() - 4].to_owned()
    });
    [CANARY.to_owned()].into_iter().chain(shifted).collect()
}
