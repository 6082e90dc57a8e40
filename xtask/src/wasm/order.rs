//! The order of a module's functions, which is free: those that are alike stand beside each other, because what is downloaded is
//! gzipped, which finds what repeats within 32 KB and no further away.

use std::convert::Infallible;
use std::error::Error;

use wasm_encoder::reencode::{self, Reencode};
use wasm_encoder::{CodeSection, FunctionSection, Module};
use wasmparser::{CodeSectionReader, FunctionBody, FunctionSectionReader, Parser, Payload, TypeRef};

type Encoded = Result<(), reencode::Error<Infallible>>;

/// So many functions back a likeness counts.
const NEAR: usize = 8;
/// Counts against functions that are too short to be like anything.
const SHORT: usize = 10;

/// The module with its functions in that order.
pub(super) fn ordered(module: &[u8]) -> Result<Vec<u8>, Box<dyn Error>> {
    let (mut imported, mut bodies) = (0, Vec::new());
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    imported += u32::from(matches!(import?.ty, TypeRef::Func(_)));
                }
            }
            Payload::CodeSectionEntry(body) => bodies.push(body.as_bytes()),
            _ => {}
        }
    }
    let order = by_likeness(&bodies);
    let mut places = vec![imported; order.len()];
    for (place, &function) in (imported..).zip(&order) {
        places[function] = place;
    }
    let mut out = Module::new();
    Reorder { imported, order, places }.parse_core_module(&mut out, Parser::new(0), module)?;
    Ok(out.finish())
}

/// The longest function first, then always the one of which most stands in the last few already.
fn by_likeness(bodies: &[&[u8]]) -> Vec<usize> {
    let parts: Vec<Vec<u16>> = bodies.iter().map(|body| parts(body)).collect();
    let mut left: Vec<usize> = (0..bodies.len()).collect();
    let mut order: Vec<usize> = Vec::with_capacity(left.len());
    loop {
        let mut is_near = vec![false; 1 << 16];
        for &function in order.iter().rev().take(NEAR) {
            parts[function].iter().for_each(|&part| is_near[usize::from(part)] = true);
        }
        let likeness = |function: usize| {
            let shared = parts[function].iter().filter(|&&part| is_near[usize::from(part)]).count();
            shared * 1_000_000 / (parts[function].len() + SHORT)
        };
        let next = (0..left.len()).max_by_key(|&i| (likeness(left[i]), bodies[left[i]].len()));
        let Some(next) = next else { return order };
        order.push(left.swap_remove(next));
    }
}

/// Hashes of all four bytes in a row that are there, each once.
fn parts(body: &[u8]) -> Vec<u16> {
    let hash = |four: &[u8]| four.iter().fold(0_u16, |hash, &byte| hash.wrapping_mul(0x6255) ^ u16::from(byte));
    let mut parts: Vec<u16> = body.windows(4).map(hash).collect();
    parts.sort_unstable();
    parts.dedup();
    parts
}

/// Writes a module anew with its own functions in another order.
struct Reorder {
    /// How many functions are imported: their indices come first and stay.
    imported: u32,
    /// Which function stands in each place.
    order: Vec<usize>,
    /// The index that each function has from now on.
    places: Vec<u32>,
}

impl Reencode for Reorder {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, reencode::Error<Infallible>> {
        let own = function.checked_sub(self.imported).and_then(|own| usize::try_from(own).ok());
        Ok(own.map_or(function, |own| self.places[own]))
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Encoded {
        let types = section.into_iter().collect::<Result<Vec<u32>, _>>()?;
        for &function in &self.order {
            functions.function(types[function]);
        }
        Ok(())
    }

    fn parse_code_section(&mut self, code: &mut CodeSection, section: CodeSectionReader<'_>) -> Encoded {
        let bodies = section.into_iter().collect::<Result<Vec<FunctionBody<'_>>, _>>()?;
        for function in self.order.clone() {
            self.parse_function_body(code, bodies[function].clone())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::ordered;
    use wasm_encoder::{
        CodeSection, ExportKind, ExportSection, Function, FunctionSection, Module, TypeSection, ValType,
    };
    use wasmparser::{Operator, Parser, Payload};

    /// Functions of one parameter more each, exported by number, that add up constants and then call the last function.
    fn module(constants: &[&[i32]]) -> Vec<u8> {
        let (mut types, mut functions, mut exports) =
            (TypeSection::new(), FunctionSection::new(), ExportSection::new());
        let mut code = CodeSection::new();
        for (i, constants) in (0..).zip(constants) {
            types.ty().function(vec![ValType::I32; constants.len()], []);
            functions.function(i);
            exports.export(&i.to_string(), ExportKind::Func, i);
            let mut body = Function::new([]);
            for &constant in *constants {
                body.instructions().i32_const(constant).drop();
            }
            body.instructions().return_call(2).end();
            code.function(&body);
        }
        let mut module = Module::new();
        module.section(&types).section(&functions).section(&exports).section(&code);
        module.finish()
    }

    /// In the order of the bodies: the type, the name, the constants, and the name of what is called.
    fn listed(module: &[u8]) -> Vec<(u32, String, Vec<i32>, String)> {
        let (mut types, mut exports, mut bodies) = (Vec::new(), Vec::new(), Vec::new());
        for payload in Parser::new(0).parse_all(module) {
            match payload.unwrap() {
                Payload::FunctionSection(section) => types.extend(section.into_iter().map(Result::unwrap)),
                Payload::ExportSection(section) => exports.extend(section.into_iter().map(|export| {
                    let export = export.unwrap();
                    (export.index, export.name.to_string())
                })),
                Payload::CodeSectionEntry(body) => bodies.push(body),
                _ => {}
            }
        }
        let name_of = |index: u32| exports.iter().find(|(own, _)| *own == index).unwrap().1.clone();
        let mut list = Vec::new();
        for (index, body) in (0..).zip(bodies) {
            let (mut constants, mut called) = (Vec::new(), String::new());
            for operator in body.get_operators_reader().unwrap() {
                match operator.unwrap() {
                    Operator::I32Const { value } => constants.push(value),
                    Operator::ReturnCall { function_index } => called = name_of(function_index),
                    _ => {}
                }
            }
            list.push((types[usize::try_from(index).unwrap()], name_of(index), constants, called));
        }
        list
    }

    #[test]
    fn what_is_alike_stands_together_and_is_what_it_was() {
        let (one, other): (Vec<i32>, Vec<i32>) = ((1_000_000..1_000_040).collect(), (2_000_000..2_000_040).collect());
        let module = module(&[&one, &other, &one[1..], &other[2..]]);
        let (before, after) = (listed(&module), listed(&ordered(&module).unwrap()));
        let mut first = [&after[0].1, &after[1].1];
        first.sort();
        assert!(first == ["0", "2"] || first == ["1", "3"], "{first:?}");
        let sorted = |mut list: Vec<(u32, String, Vec<i32>, String)>| {
            list.sort();
            list
        };
        assert_eq!(sorted(after), sorted(before));
    }
}
