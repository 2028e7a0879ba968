//! What the import worker does with each request.

use crate::{
    RuntimeError,
    import::{export, import, read_model},
    message::{Event, Request},
};

/// The import worker keeps nothing between requests.
pub(super) struct Session;

impl Session {
    pub(super) fn shared() -> Self {
        Self
    }

    pub(super) async fn handle(&self, request: Request, emit: &mut dyn FnMut(Event)) {
        let event = match request {
            Request::Import(request) => match import(*request) {
                Ok(imported) => Event::Imported(Box::new(imported)),
                Err(error) => Event::Failed { error },
            },
            Request::ReadModel(files) => match read_model(*files) {
                Ok(model) => Event::ModelRead(Box::new(model)),
                Err(error) => Event::Failed { error },
            },
            Request::Export { spec, parameters, format } => {
                match export(&spec, &parameters, format) {
                    Ok(file) => Event::Exported { file: file.into() },
                    Err(error) => Event::Failed { error },
                }
            }
            _ => Event::Failed {
                error: RuntimeError::Protocol { reason: "this worker only reads files".into() },
            },
        };
        emit(event);
    }
}
