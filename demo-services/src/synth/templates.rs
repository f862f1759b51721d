//! Log templates cut into what is constant and what is filled in.

use super::{
    dice::Dice,
    names::{INSTANCES, METHODS, Names, SERVICES},
    plan::Plan,
    severity::Severity,
    spans,
    styles::{STYLES, Style},
    time_text, wire,
};

pub(super) const WORDS: [&str; 24] = [
    "amber", "basalt", "cedar", "delta", "ember", "fjord", "garnet", "harbour", "indigo",
    "juniper", "kelp", "lagoon", "meadow", "nectar", "onyx", "prairie", "quartz", "russet",
    "saffron", "tundra", "umber", "velvet", "willow", "zephyr",
];

/// A name in angle brackets.
#[derive(Clone, Copy, Debug)]
enum Blank {
    Agent,
    Big,
    Clf,
    Code,
    Float,
    Hex(u32),
    Int,
    Ip,
    Line,
    Method,
    Microseconds,
    Milliseconds,
    Node,
    Path,
    Pid,
    Pod,
    Port,
    Service,
    Size,
    Sku,
    Slash,
    Syslog,
    Time,
    User,
    Uuid,
    Word,
}

impl Blank {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "agent" => Self::Agent,
            "big" => Self::Big,
            "clf" => Self::Clf,
            "code" => Self::Code,
            "float" => Self::Float,
            "hex8" => Self::Hex(8),
            "hex16" => Self::Hex(16),
            "hex32" => Self::Hex(32),
            "int" => Self::Int,
            "ip" => Self::Ip,
            "line" => Self::Line,
            "method" => Self::Method,
            "us" => Self::Microseconds,
            "ms" => Self::Milliseconds,
            "node" => Self::Node,
            "path" => Self::Path,
            "pid" => Self::Pid,
            "pod" => Self::Pod,
            "port" => Self::Port,
            "service" => Self::Service,
            "size" => Self::Size,
            "sku" => Self::Sku,
            "slash" => Self::Slash,
            "syslog" => Self::Syslog,
            "time" => Self::Time,
            "user" => Self::User,
            "uuid" => Self::Uuid,
            "word" => Self::Word,
            _ => return None,
        })
    }
}

#[derive(Debug)]
enum Part {
    Text(&'static str),
    Blank(Blank),
}

/// One template, ready to be filled in.
pub(super) struct Template {
    /// Place of its style.
    pub(super) style: usize,
    pub(super) severity: Severity,
    /// As it is written in `styles`.
    pub(super) text: &'static str,
    parts: Vec<Part>,
}

/// All templates, and where those of each style begin and end.
pub(super) struct Templates {
    pub(super) all: Vec<Template>,
    of_style: Vec<std::ops::Range<usize>>,
}

impl Templates {
    pub(super) fn new() -> Self {
        let (mut all, mut of_style) = (Vec::new(), Vec::new());
        for (style, Style { templates, .. }) in STYLES.iter().enumerate() {
            let start = all.len();
            all.extend(templates.iter().map(|&(severity, text)| Template {
                style,
                severity,
                text,
                parts: parts(text),
            }));
            of_style.push(start..all.len());
        }
        Self { all, of_style }
    }

    /// Draws a template for a service: three times in four one of the style it mostly writes in.
    pub(super) fn draw(&self, dice: &mut Dice, service: usize) -> usize {
        let style = if dice.one_in(4) {
            dice.index(STYLES.len())
        } else {
            service % STYLES.len()
        };
        let range = &self.of_style[style];
        range.start + dice.index(range.len()).min(dice.index(range.len()))
    }
}

/// Cuts a template. What is not the name of a blank is text.
fn parts(text: &'static str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut pieces = text.split('<');
    parts.extend(pieces.next().map(Part::Text));
    for piece in pieces {
        match piece.split_once('>') {
            Some((name, rest)) if let Some(blank) = Blank::named(name) => {
                parts.extend([Part::Blank(blank), Part::Text(rest)]);
            }
            _ => parts.extend([Part::Text("<"), Part::Text(piece)]),
        }
    }
    parts
}

/// Where and when a record is written.
pub(super) struct Scene<'a> {
    pub(super) names: &'a Names,
    pub(super) service: usize,
    pub(super) operation: usize,
    /// Unix nanoseconds.
    pub(super) time: u64,
}

impl Template {
    /// Appends the body of one record. What a body has in common with the trace (its user, its
    /// client) is taken from the plan, the rest is drawn.
    pub(super) fn fill(&self, scene: &Scene<'_>, plan: &mut Plan, out: &mut Vec<u8>) {
        for part in &self.parts {
            match part {
                Part::Text(text) => out.extend_from_slice(text.as_bytes()),
                Part::Blank(blank) => fill_blank(*blank, scene, plan, out),
            }
        }
    }
}

fn fill_blank(blank: Blank, scene: &Scene<'_>, plan: &mut Plan, out: &mut Vec<u8>) {
    let operation = &scene.names.operations[scene.service][scene.operation];
    let dice = &mut plan.log_dice;
    match blank {
        Blank::Agent => out.extend_from_slice(scene.names.user_agents[plan.user_agent].as_bytes()),
        Blank::Big => wire::decimal(out, dice.bits() % 10_000_000_000),
        Blank::Clf => time_text::clf(out, scene.time),
        Blank::Code => wire::decimal(out, [200, 201, 404, 500, 503][dice.index(5)]),
        Blank::Float => {
            wire::decimal(out, u64::from(dice.below(30)));
            out.push(b'.');
            wire::padded(out, u64::from(dice.below(1_000)), 3);
        }
        Blank::Hex(digits) => wire::hex(out, two(dice), digits),
        Blank::Int => wire::decimal(out, u64::from(dice.below(100_000))),
        Blank::Ip => spans::client_address(out, plan.client),
        Blank::Line => wire::decimal(out, u64::from(10 + dice.below(700))),
        Blank::Method => out.extend_from_slice(dice.pick(&METHODS).as_bytes()),
        Blank::Microseconds => wire::decimal(out, u64::from(dice.below(3_000_000))),
        Blank::Milliseconds => wire::decimal(out, u64::from(dice.below(3_000))),
        Blank::Node => {
            out.extend_from_slice(b"node-");
            wire::padded(out, u64::from(dice.below(12)), 2);
        }
        Blank::Path => {
            let path = operation.route.trim_end_matches("{id}");
            out.extend_from_slice(path.as_bytes());
            wire::hex(out, two(dice), 16);
        }
        Blank::Pid => wire::decimal(out, u64::from(300 + dice.below(32_000))),
        Blank::Pod => {
            let instance = dice.index(INSTANCES);
            out.extend_from_slice(super::names::pod(scene.service, instance).as_bytes());
        }
        Blank::Port => wire::decimal(out, u64::from(1 + dice.below(60))),
        Blank::Service => out.extend_from_slice(SERVICES[scene.service].as_bytes()),
        Blank::Size => wire::decimal(out, u64::from(dice.below(4_000_000))),
        Blank::Sku => {
            out.extend_from_slice(b"SKU-");
            wire::padded(out, u64::from(dice.below(20_000)), 6);
        }
        Blank::Slash => time_text::slashed(out, scene.time),
        Blank::Syslog => time_text::syslog(out, scene.time),
        Blank::Time => time_text::rfc3339(out, scene.time),
        Blank::User => spans::user_id(out, plan.user),
        Blank::Uuid => uuid(out, two(dice)),
        Blank::Word => out.extend_from_slice(dice.pick(&WORDS).as_bytes()),
    }
}

fn two(dice: &mut Dice) -> u128 {
    u128::from(dice.bits()) << 64 | u128::from(dice.bits())
}

fn uuid(out: &mut Vec<u8>, value: u128) {
    for (shift, digits) in [(96, 8), (80, 4), (64, 4), (48, 4), (0, 12)] {
        if digits == 4 || digits == 12 {
            out.push(b'-');
        }
        wire::hex(out, value >> shift, digits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_in_angle_brackets_is_the_name_of_a_blank() {
        for template in Templates::new().all {
            let is_stray = |part: &Part| matches!(part, Part::Text(text) if text.contains('<'));
            assert!(!template.parts.iter().any(is_stray), "{}", template.text);
        }
    }
}
