use std::io::Write;

use super::*;
use crate::message::Bytes;

fn request(file_name: &str, file: impl Into<Vec<u8>>) -> ImportRequest {
    ImportRequest {
        file_name: file_name.into(),
        file: Bytes::from(file.into()),
        labels: None,
        name: "sample".into(),
        licence: "CC0-1.0".into(),
        attribution: "the test".into(),
        shape: None,
        held_out_percent: 20,
        reconstruct: false,
        length: 64,
    }
}

fn error(file_name: &str, file: impl Into<Vec<u8>>) -> String {
    import(request(file_name, file)).unwrap_err().to_string()
}

fn zip(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (path, bytes) in entries {
        writer.start_file(*path, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn png(width: u32, height: u32, grey: u8) -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    let picture = image::GrayImage::from_pixel(width, height, image::Luma([grey]));
    DynamicImage::from(picture).write_to(&mut out, image::ImageFormat::Png).unwrap();
    out.into_inner()
}

use image::DynamicImage;

#[test]
fn the_digits_are_read_and_split_as_the_repo_says() {
    let file = include_bytes!("../../../local/samples/digits-8x8.csv.gz");
    let imported = import(request("digits-8x8.csv.gz", *file)).unwrap();
    let summary = &imported.summary;
    assert_eq!((summary.train, summary.held_out), (1438, 359));
    assert_eq!(summary.input, Shape::Image { channels: 1, height: 8, width: 8 });
    assert_eq!(summary.balance.iter().sum::<u32>(), 1797);
    let dataset = Dataset::from_bytes(&imported.dataset).unwrap();
    let text = include_str!("../../../local/samples/digits-8x8.held-out.txt");
    let held_out: Vec<u32> = text.split_whitespace().map(|n| n.parse().unwrap()).collect();
    assert_eq!(dataset.held_out, held_out);
    let mut first = Vec::new();
    dataset.push_input(0, &mut first);
    assert!(first.iter().all(|v| (0.0..=1.0).contains(v)) && first.iter().any(|v| *v > 0.9));
}

#[test]
fn a_table_of_measurements_keeps_its_numbers_and_class_names() {
    let mut text = String::from("a;b;species\n");
    (0..20).for_each(|i| text += &format!("{}.5;-{i};{}\n", i, ["iris", "rose"][i % 2]));
    let imported = import(request("flowers.csv", text)).unwrap();
    assert_eq!(imported.summary.input, Shape::Features { size: 2 });
    assert_eq!(
        imported.summary.task,
        Task::Classification { classes: vec!["iris".into(), "rose".into()] }
    );
    assert_eq!(imported.summary.balance, [10, 10]);
}

#[test]
fn a_text_becomes_windows_and_what_follows_them() {
    let text = "to be, or not to be: that is the question".to_owned();
    let read = |file: Vec<u8>, length| {
        import(ImportRequest {
            file_name: "hamlet.txt".into(),
            file: file.into(),
            held_out_percent: 50,
            length,
            ..request("hamlet.txt", Vec::new())
        })
    };
    let imported = read(text.clone().into_bytes(), 8).unwrap();
    let data = Dataset::from_bytes(&imported.dataset).unwrap();
    let Task::NextToken { tokens } = &data.header.task else { panic!("{:?}", data.header.task) };
    let words = |numbers: &[u32]| numbers.iter().map(|n| tokens[*n as usize].as_str()).collect();
    let mut first = Vec::new();
    data.push_input(0, &mut first);
    let first: Vec<u32> = first.into_iter().map(|v| v as u32).collect();
    let (first, next): (String, String) = (words(&first), words(data.classes(0)));
    assert_eq!((first.as_str(), next.as_str()), (&text[..8], &text[1..9]));
    assert_eq!(data.len(), 5);
    assert!(read(vec![0xff, 0xfe], 8).unwrap_err().to_string().contains("UTF-8"));
    assert!(read(b"short".to_vec(), 8).unwrap_err().to_string().contains("too few"));
    assert!(read(text.into_bytes(), 4).unwrap_err().to_string().contains("8 to 512"));
}

#[test]
fn rare_letters_share_a_number() {
    let text: String = (0..400u32).filter_map(|i| char::from_u32(0x4e00 + i)).collect::<String>()
        + &"一二".repeat(50);
    let request = ImportRequest { length: 8, ..request("many.txt", text.into_bytes()) };
    let data = Dataset::from_bytes(&import(request).unwrap().dataset).unwrap();
    let Task::NextToken { tokens } = &data.header.task else { panic!("{:?}", data.header.task) };
    assert_eq!((tokens.len(), tokens.last().map(String::as_str)), (256, Some("\u{fffd}")));
}

#[test]
fn fractions_as_target_are_a_regression() {
    let text: String = (0..20).map(|i| format!("{i},{},{}.25\n", i * 2, i)).collect();
    let imported = import(request("t.csv", text)).unwrap();
    assert_eq!(imported.summary.task.output(&imported.summary.input).len(), 1);
    assert!(matches!(imported.summary.task, Task::Regression { .. }));
}

#[test]
fn a_broken_table_names_row_and_column() {
    let table = |cell: &str| format!("label,p\n1,2\n0,{cell}\n");
    assert_eq!(error("x.csv", table("cat")), "x.csv, row 3, column 2: \"cat\" is not a number");
    assert_eq!(error("x.csv", table("NaN")), "x.csv, row 3, column 2: NaN is not a finite number");
    assert!(error("x.csv", table("")).contains("row 3, column 2: the cell is empty"));
    assert!(
        error("x.csv", "1,2,3\n4,5\n")
            .contains("row 2, column 3: the row has 2 columns, but the first has 3")
    );
    assert!(error("x.csv", "").contains("no rows"));
    assert!(error("x.csv", [0xff, 0xfe, 0x00]).contains("no text"));
}

#[test]
fn a_gzip_bomb_is_refused() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![b'0'; 1 << 20];
    for _ in 0..(limits::MAX_UNPACKED_BYTES >> 20) + 1 {
        encoder.write_all(&zeros).unwrap();
    }
    let text = error("bomb.csv.gz", encoder.finish().unwrap());
    assert!(text.contains("bomb.csv.gz unpacks to more than 512 MiB"), "{text}");
}

#[test]
fn a_zip_bomb_is_refused() {
    let entries = [("a/big.png", vec![0; (33 << 20) as usize]), ("b/x.png", png(2, 2, 0))];
    let text = error("bomb.zip", zip(&entries));
    assert!(text.contains("a/big.png unpacks to more than 32 MiB"), "{text}");
}

#[test]
fn image_folders_become_classes() {
    let mut entries = Vec::new();
    let names: Vec<String> =
        (0..12).map(|i| format!("set/{}/{i}.png", ["cat", "dog"][i % 2])).collect();
    for (i, name) in names.iter().enumerate() {
        entries.push((name.as_str(), png(100, 50, (i % 2 * 255) as u8)));
    }
    entries.push(("set/readme.txt", b"hello".to_vec()));
    let imported = import(request("pets.zip", zip(&entries))).unwrap();
    assert_eq!(
        imported.summary.task,
        Task::Classification { classes: vec!["cat".into(), "dog".into()] }
    );
    assert_eq!(imported.summary.input, Shape::Image { channels: 1, height: 32, width: 64 });
    assert_eq!(imported.summary.balance, [6, 6]);
    assert!(error("one.zip", zip(&[("a/x.png", png(2, 2, 0))])).contains("folders"));
    assert!(
        error("bad.zip", zip(&[("a/x.png", vec![1]), ("b/x.png", vec![1])]))
            .contains("a/x.png: not a readable")
    );
}

#[test]
fn idx_needs_labels_and_honest_sizes() {
    let mut images = vec![0, 0, 8, 3, 0, 0, 0, 10, 0, 0, 0, 4, 0, 0, 0, 4];
    images.extend((0..160).map(|i| i as u8));
    let mut labels = vec![0, 0, 8, 1, 0, 0, 0, 10];
    labels.extend((0..10).map(|i| i % 3));
    let with = |labels: Vec<u8>| {
        import(ImportRequest { labels: Some(labels.into()), ..request("i.idx", images.clone()) })
    };
    let summary = with(labels.clone()).unwrap().summary;
    assert_eq!(summary.task.output(&summary.input).len(), 3);
    assert!(error("i.idx", images.clone()).contains("labels too"));
    labels.pop();
    assert!(with(labels).unwrap_err().to_string().contains("9 bytes follow"));
}
