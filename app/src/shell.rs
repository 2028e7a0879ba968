//! The frame around every page: loads the configuration, then mounts header, banners, pages.

use leptos::prelude::*;
use leptos_router::{
    components::{Route, Router, Routes},
    hooks::use_location,
    path,
};
use wasm_bindgen_futures::spawn_local;

use crate::{
    app::App,
    chain::health::{self, Health},
    components::{
        banner::Banners,
        header::Header,
        icons,
        later::later,
        states::{Skeleton, focus_main, set_title},
        toasts::ToastCorner,
        wallet_dialog::WalletDialog,
    },
    config::Config,
    load::Load,
    pages::{account, create, explore::Explore, job, model, not_found::NotFound, studio, work},
};

/// The whole page.
#[component]
pub(crate) fn Shell() -> impl IntoView {
    let config = RwSignal::new(Load::<Config>::Waiting);
    let load = move || {
        spawn_local(async move {
            config.set(match Config::load().await {
                Ok(found) => Load::Ready(found),
                Err(error) => Load::Failed(error.to_string()),
            });
        });
    };
    load();
    move || match config.get() {
        Load::Waiting => {
            view! { <main class="main" id="main"><Skeleton lines=4/></main> }.into_any()
        }
        Load::Failed(reason) => {
            view! { <NoConfig reason retry=Callback::new(move |()| load())/> }.into_any()
        }
        Load::Ready(config) => view! { <Running config/> }.into_any(),
    }
}

/// The page does not know its chain.
#[component]
fn NoConfig(
    /// Why.
    reason: String,
    /// Tries again.
    retry: Callback<()>,
) -> impl IntoView {
    set_title("Not set up");
    view! {
        <main class="main" id="main">
            <div class="state" data-testid="banner" data-kind="no-config" role="alert">
                <span class="state-icon">{icons::alert()}</span>
                <h1>"This copy of Delea is not set up yet"</h1>
                <p class="muted">{reason}</p>
                <p>
                    "It needs the file " <code>"delea.json"</code>
                    " beside the page, which names the chain, the contracts and the content store. On your own machine, "
                    <code>"./delea up"</code> " writes it and starts everything."
                </p>
                <div class="state-actions">
                    <button class="button primary" on:click=move |_| retry.run(())>"Try again"</button>
                </div>
            </div>
        </main>
    }
}

/// The page once it knows its chain.
#[component]
fn Running(
    /// The configuration.
    config: Config,
) -> impl IntoView {
    let app = App::new(config.clone());
    provide_context(app);
    app.wallets.start(&config);
    health::watch(app);
    // Whether the chain began anew must be known before an old training goes on.
    let restored = StoredValue::new(false);
    Effect::new(move |_| {
        if app.health.get() == Health::Up && !restored.get_value() {
            restored.set_value(true);
            app.trainer.restore();
            app.market.restore(app);
        }
    });
    view! {
        <Router>
            <a class="skip" href="#main" on:click=|event| { event.prevent_default(); focus_main(); }>
                "Skip to the content"
            </a>
            <Header/>
            <Banners/>
            <main class="main" id="main" tabindex="-1">
                <ScrollToTop/>
                <Routes fallback=NotFound>
                    <Route path=path!("/") view=Explore/>
                    <Route path=path!("/create") view=|| later(create::page)/>
                    <Route path=path!("/job/:id") view=|| later(job::page)/>
                    <Route path=path!("/studio") view=|| later(studio::page)/>
                    <Route path=path!("/work") view=|| later(work::page)/>
                    <Route path=path!("/account") view=|| later(account::page)/>
                    <Route path=path!("/model/:address/:tab?") view=|| later(model::page)/>
                </Routes>
            </main>
            <footer class="footer">
                <p>
                    "Everything runs in your browser. Models live on " {config.chain_name.clone()}
                    "; their files are checked against it."
                </p>
            </footer>
            <ToastCorner/>
            <WalletDialog/>
        </Router>
    }
}

/// A new page starts at its top; a new tab of a model stays where it is.
#[component]
fn ScrollToTop() -> impl IntoView {
    let path = use_location().pathname;
    Effect::new(move |before: Option<String>| {
        let page = path.get().split('/').take(3).collect::<Vec<_>>().join("/");
        if before.is_some_and(|before| before != page)
            && let Some(window) = web_sys::window()
        {
            window.scroll_to_with_x_and_y(0.0, 0.0);
        }
        page
    });
}
