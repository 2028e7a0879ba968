//! Files broken by chance, the same on every run.

use delea_model_runtime::rng::{Random, Stream};

/// Numbers that lengths, counts and offsets are mistaken about.
const NUMBERS: [u64; 8] = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 1 << 40, 1 << 60, u64::MAX];

/// The file with one to four things wrong; `round` chooses which.
pub(crate) fn broken(file: &[u8], round: u64) -> Vec<u8> {
    let mut random = Random::new(round, Stream::Step(0));
    let mut pick = |below: usize| ((random.uniform() * below as f32) as usize).min(below - 1);
    let mut file = file.to_vec();
    for _ in 0..=pick(4) {
        if file.len() < 2 {
            break;
        }
        let place = pick(file.len());
        match pick(8) {
            0 => file.truncate(place.max(1)),
            1 => drop(file.remove(place)),
            2 => file[place] ^= 1 << pick(8),
            3 => file[place] = pick(256) as u8,
            4 => file.insert(place, pick(256) as u8),
            5 => {
                let end = (place + 1 + pick(64)).min(file.len());
                let again = file[place..end].to_vec();
                let to = pick(file.len());
                file.splice(to..to, again);
            }
            6 => {
                let end = (place + 1 + pick(64)).min(file.len());
                drop(file.drain(place..end));
            }
            _ => {
                let number = NUMBERS[pick(NUMBERS.len())];
                let bytes = if pick(2) == 0 { number.to_le_bytes() } else { number.to_be_bytes() };
                let width = [1, 2, 4, 8][pick(4)].min(file.len() - place);
                file[place..place + width].copy_from_slice(&bytes[..width]);
            }
        }
    }
    file
}
