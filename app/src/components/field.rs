//! Form fields: label, input, help and error belong together, for eyes and screen readers alike.

use leptos::prelude::*;
use web_sys::{DragEvent, Event, File, FileList, HtmlInputElement};

use super::icons;

/// One of several, as a radio button.
#[component]
pub(crate) fn Radio<T>(
    /// Name of the several.
    group: &'static str,
    /// For tests.
    #[prop(into)]
    id: String,
    /// Label.
    label: &'static str,
    /// A word of help.
    #[prop(optional)]
    words: &'static str,
    /// What it stands for.
    value: T,
    /// What is chosen.
    chosen: RwSignal<T>,
) -> impl IntoView
where
    T: Copy + PartialEq + Send + Sync + 'static,
{
    view! {
        <label class="choice">
            <input
                type="radio"
                name=group
                data-testid=id
                prop:checked=move || chosen.get() == value
                on:change=move |_| chosen.set(value)
            />
            <span><strong>{label}</strong>{(!words.is_empty()).then(|| view! { <span class="muted">{words}</span> })}</span>
        </label>
    }
}

/// The files of a list.
pub(crate) fn listed(files: Option<FileList>) -> Vec<File> {
    let Some(files) = files else { return Vec::new() };
    (0..files.length()).filter_map(|i| files.get(i)).collect()
}

/// The files that were dropped.
pub(crate) fn dropped(event: &DragEvent) -> Vec<File> {
    event.prevent_default();
    listed(event.data_transfer().and_then(|data| data.files()))
}

/// The files that were chosen. The same ones can be chosen again after they were mended.
pub(crate) fn picked(event: &Event) -> Vec<File> {
    let element = event_target::<HtmlInputElement>(event);
    let files = listed(element.files());
    element.set_value("");
    files
}

/// A place to drop files on, or to choose them at.
#[component]
pub(crate) fn DropFiles(
    /// What is wanted.
    title: &'static str,
    /// Which kinds.
    words: &'static str,
    /// Extensions that are offered.
    accept: &'static str,
    /// `data-testid` of the input.
    testid: &'static str,
    /// Id of the element that says what is wrong.
    problem: &'static str,
    /// Takes them.
    #[prop(into)]
    take: Callback<Vec<File>>,
) -> impl IntoView {
    let over = RwSignal::new(false);
    view! {
        <label
            class="drop"
            class:over=move || over.get()
            on:dragover=move |event| { event.prevent_default(); over.set(true); }
            on:dragleave=move |_| over.set(false)
            on:drop=move |event: leptos::ev::DragEvent| {
                over.set(false);
                take.run(dropped(&event));
            }
        >
            {icons::upload()}
            <span>
                <strong>{title}</strong>
                <span class="muted">{words}</span>
            </span>
            <input
                class="visually-hidden"
                type="file"
                multiple=true
                accept=accept
                data-testid=testid
                aria-describedby=problem
                on:change=move |event| take.run(picked(&event))
            />
        </label>
    }
}

/// A labelled text field.
#[component]
pub(crate) fn TextField(
    /// Unique in the page.
    id: &'static str,
    /// Label.
    label: &'static str,
    /// Its text.
    value: RwSignal<String>,
    /// A word of help.
    #[prop(optional, into)]
    help: MaybeProp<String>,
    /// What is wrong with it, if anything.
    #[prop(optional, into)]
    error: MaybeProp<String>,
    /// `decimal` and the like.
    #[prop(default = "text")]
    inputmode: &'static str,
    /// Shown while it is empty.
    #[prop(default = "")]
    placeholder: &'static str,
) -> impl IntoView {
    let describe = format!("{id}-help");
    let bad = move || error.get().is_some();
    view! {
        <div class="field" class:field-bad=bad>
            <label for=id>{label}</label>
            <input
                id=id
                type="text"
                data-testid=id
                inputmode=inputmode
                placeholder=placeholder
                autocomplete="off"
                aria-describedby=describe.clone()
                aria-invalid=move || bad().to_string()
                prop:value=move || value.get()
                on:input=move |event| value.set(event_target_value(&event))
            />
            <Hint id=describe help error/>
        </div>
    }
}

/// A labelled text field of several lines.
#[component]
pub(crate) fn TextArea(
    /// Unique in the page.
    id: &'static str,
    /// Label.
    label: &'static str,
    /// Its text.
    value: RwSignal<String>,
    /// A word of help.
    #[prop(optional, into)]
    help: MaybeProp<String>,
    /// What is wrong with it, if anything.
    #[prop(optional, into)]
    error: MaybeProp<String>,
    /// Lines.
    #[prop(default = 3)]
    rows: u32,
    /// Whether letters are of one width.
    #[prop(default = false)]
    code: bool,
) -> impl IntoView {
    let describe = format!("{id}-help");
    let bad = move || error.get().is_some();
    view! {
        <div class="field" class:field-bad=bad>
            <label for=id>{label}</label>
            <textarea
                id=id
                data-testid=id
                rows=rows
                class:code=code
                spellcheck=if code { "false" } else { "true" }
                aria-describedby=describe.clone()
                aria-invalid=move || bad().to_string()
                prop:value=move || value.get()
                on:input=move |event| value.set(event_target_value(&event))
            ></textarea>
            <Hint id=describe help error/>
        </div>
    }
}

/// A labelled slider with its value in words.
#[component]
pub(crate) fn Slider(
    /// Unique in the page.
    #[prop(into)]
    id: String,
    /// Label.
    label: &'static str,
    /// Its position.
    value: RwSignal<f64>,
    /// Least.
    min: f64,
    /// Most.
    max: f64,
    /// Between two positions.
    step: f64,
    /// The value in words.
    #[prop(into)]
    words: Signal<String>,
    /// A word of help.
    #[prop(optional, into)]
    help: MaybeProp<String>,
) -> impl IntoView {
    let describe = format!("{id}-help");
    let none = MaybeProp::<String>::from(None::<String>);
    view! {
        <div class="field">
            <div class="field-row">
                <label for=id.clone()>{label}</label>
                <output for=id.clone()>{move || words.get()}</output>
            </div>
            <input
                id=id.clone()
                type="range"
                data-testid=id
                min=min
                max=max
                step=step
                aria-describedby=describe.clone()
                aria-valuetext=move || words.get()
                prop:value=move || value.get().to_string()
                on:input=move |event| {
                    if let Ok(number) = event_target_value(&event).parse() {
                        value.set(number);
                    }
                }
            />
            <Hint id=describe help error=none/>
        </div>
    }
}

/// A labelled list of which one is chosen.
#[component]
pub(crate) fn Select<T>(
    /// Unique in the page.
    id: &'static str,
    /// Label.
    label: &'static str,
    /// What can be chosen, and how it is called.
    options: Vec<(T, String)>,
    /// What is chosen.
    chosen: RwSignal<T>,
    /// A word of help.
    #[prop(optional, into)]
    help: MaybeProp<String>,
) -> impl IntoView
where
    T: Copy + PartialEq + Send + Sync + 'static,
{
    let describe = format!("{id}-help");
    let none = MaybeProp::<String>::from(None::<String>);
    let values: Vec<T> = options.iter().map(|(value, _)| *value).collect();
    let choose = move |event: Event| {
        let place = event_target_value(&event).parse().ok();
        if let Some(value) = place.and_then(|place: usize| values.get(place)) {
            chosen.set(*value);
        }
    };
    let items = options.into_iter().enumerate().map(|(place, (value, name))| {
        let selected = move || chosen.get() == value;
        view! { <option value=place.to_string() prop:selected=selected>{name}</option> }
    });
    view! {
        <div class="field">
            <label for=id>{label}</label>
            <select id=id data-testid=id aria-describedby=describe.clone() on:change=choose>{items.collect_view()}</select>
            <Hint id=describe help error=none/>
        </div>
    }
}

/// Help below a field, or what is wrong with it.
#[component]
fn Hint(
    /// For `aria-describedby`.
    id: String,
    /// A word of help.
    help: MaybeProp<String>,
    /// What is wrong.
    error: MaybeProp<String>,
) -> impl IntoView {
    view! {
        <p class="field-hint" id=id>
            {move || match error.get() {
                Some(error) => view! { <span class="field-error">{error}</span> }.into_any(),
                None => view! { <span>{help.get().unwrap_or_default()}</span> }.into_any(),
            }}
        </p>
    }
}
