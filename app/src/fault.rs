//! A fault of the page itself must not leave a blank page: it is said in words, with a way on.

/// Shows a readable page state when the page panics.
pub(crate) fn install() {
    std::panic::set_hook(Box::new(|info| {
        leptos::logging::error!("{info}");
        show();
    }));
}

/// Built by hand: after a panic no reactive code may run any more.
fn show() -> Option<()> {
    const ID: &str = "page-fault";
    let document = web_sys::window()?.document()?;
    if document.get_element_by_id(ID).is_some() {
        return None;
    }
    let part = |tag: &str, text: &str| {
        let element = document.create_element(tag).ok()?;
        element.set_text_content(Some(text));
        Some(element)
    };
    let note = part("section", "")?;
    note.set_id(ID);
    note.set_class_name("fault");
    for (name, value) in [("data-testid", ID), ("role", "alert")] {
        note.set_attribute(name, value).ok()?;
    }
    note.append_child(&part("h1", "This page has stopped")?.into()).ok()?;
    let words = "An error in the page itself stopped it. Nothing on the chain was touched, and a training goes on from its last checkpoint after you reload.";
    note.append_child(&part("p", words)?.into()).ok()?;
    let again = part("a", "Reload the page")?;
    again.set_attribute("href", &web_sys::window()?.location().href().ok()?).ok()?;
    again.set_class_name("button primary");
    note.append_child(&again.into()).ok()?;
    document.body()?.append_child(&note.into()).ok()?;
    Some(())
}
