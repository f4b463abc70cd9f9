//! The paths that a Rust file writes, `use` lists taken apart: `std::{fs, net::Ip}` is `std::fs` and `std::net::Ip`.

/// The code without comments and without what stands in strings; every line keeps its number.
pub fn code_of(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('/', Some('/')) => while chars.next_if(|c| *c != '\n').is_some() {},
            ('/', Some('*')) => {
                let mut last = ' ';
                for c in chars.by_ref() {
                    if c == '\n' {
                        code.push(c);
                    }
                    if last == '*' && c == '/' {
                        break;
                    }
                    last = c;
                }
            }
            // A quote as a character is no string: '"', '\"', b'"'.
            ('\'', Some('"')) => drop(chars.next()),
            ('\'', Some('\\')) => drop((chars.next(), chars.next())),
            // A raw string knows no escapes and ends at a quote with as many hashes as it began with.
            ('r', Some('"' | '#')) if !code.ends_with(|c: char| c.is_alphanumeric() || c == '_') => {
                let mut hashes = 0;
                while chars.next_if_eq(&'#').is_some() {
                    hashes += 1;
                }
                let mut closing = if chars.next_if_eq(&'"').is_some() { None } else { Some(hashes) };
                while closing != Some(hashes) {
                    let Some(c) = chars.next() else { break };
                    newline_kept(Some(c), &mut code);
                    closing = match (c, closing) {
                        ('"', _) => Some(0),
                        ('#', Some(seen)) => Some(seen + 1),
                        _ => None,
                    };
                }
                code.push_str("\"\"");
            }
            ('"', _) => {
                while let Some(c) = chars.next() {
                    match c {
                        '\\' => newline_kept(chars.next(), &mut code),
                        '"' => break,
                        _ => newline_kept(Some(c), &mut code),
                    }
                }
                code.push_str("\"\"");
            }
            _ => code.push(c),
        }
    }
    code
}

fn newline_kept(c: Option<char>, code: &mut String) {
    if c == Some('\n') {
        code.push('\n');
    }
}

/// Every path of two parts or more, with the line that it starts on.
pub fn paths_in(code: &str) -> Vec<(usize, String)> {
    let tokens = tokens_of(code);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        at = read_path(&tokens, at, "", &mut found);
    }
    found
}

/// Reads what starts at a token, behind a prefix such as `std::`; returns where to go on.
fn read_path(tokens: &[(usize, &str)], start: usize, prefix: &str, found: &mut Vec<(usize, String)>) -> usize {
    let word = |at: usize| tokens.get(at).map_or("", |(_, word)| *word);
    let mut path = prefix.to_owned();
    let mut at = start;
    while is_name(word(at)) {
        path.push_str(word(at));
        at += 1;
        if word(at) != "::" {
            if path.contains("::") {
                found.push((tokens[start].0, path));
            }
            return at;
        }
        path.push_str("::");
        at += 1;
    }
    if word(at) == "{" && path.ends_with("::") {
        at += 1;
        while at < tokens.len() && word(at) != "}" {
            at = read_path(tokens, at, &path, found);
        }
        return at + 1;
    }
    // `a::*` and `a::<T>` speak of `a`.
    let stem = path.trim_end_matches("::");
    if path.ends_with("::") && at > start && stem.contains("::") {
        found.push((tokens[start].0, stem.to_owned()));
    }
    at.max(start + 1)
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// Names, `::`, and every other sign by itself.
fn tokens_of(code: &str) -> Vec<(usize, &str)> {
    let mut tokens = Vec::new();
    for (number, line) in (1..).zip(code.lines()) {
        let mut rest = line.trim_start();
        while let Some(first) = rest.chars().next() {
            let name = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
            let length = if name > 0 {
                name
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            tokens.push((number, &rest[..length]));
            rest = rest[length..].trim_start();
        }
    }
    tokens
}
