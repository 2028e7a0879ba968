//! The exact runtime under wasmtime: the very bytes that the page's CPU worker runs.

use std::{
    io::{Read, Write},
    sync::Arc,
};

use delea_model_runtime::{
    call::{Answer, Call},
    content::Digest,
    message::{Bytes, Event, Request, TrainJob, TrainResult},
    wire,
};
use wasmtime::{
    Cache, CacheConfig, Config, Engine, Instance, Linker, Memory, Module, OptLevel, Store,
    TypedFunc,
};

use crate::error::NodeError;

/// Steps between two looks at wishes: some tens of milliseconds of a small model.
const SLICE: u32 = 20;

fn engine_error(error: impl std::fmt::Display) -> NodeError {
    // With its causes.
    NodeError::Engine(format!("{error:#}"))
}

/// A compiled runtime.
#[derive(Clone)]
pub(crate) struct Runtime {
    module: Module,
    /// sha2-256 of its bytes.
    pub(crate) digest: Digest,
    /// Parameter file of the network that a model adapts.
    base: Option<Arc<Vec<u8>>>,
}

impl Runtime {
    /// Compiles a runtime's bytes.
    ///
    /// # Errors
    /// [`NodeError::Engine`] for bytes that are no module.
    pub(crate) fn new(wasm: &[u8]) -> Result<Self, NodeError> {
        let mut config = Config::new();
        config.cranelift_opt_level(OptLevel::Speed);
        // Features whose results an engine may choose are no part of the exact tier.
        config.wasm_relaxed_simd(false);
        // What was compiled once is kept in the user's cache folder; where there is none, it is compiled each time.
        config.cache(Cache::new(CacheConfig::new()).ok());
        let engine = Engine::new(&config).map_err(engine_error)?;
        let module = Module::new(&engine, wasm).map_err(engine_error)?;
        Ok(Self { module, digest: Digest::of(wasm), base: None })
    }

    /// The same for a model that adapts a base network, whose parameter file this is.
    pub(crate) fn on(self, base: Arc<Vec<u8>>) -> Self {
        Self { base: Some(base), ..self }
    }

    /// An instance of its own memory.
    ///
    /// # Errors
    /// [`NodeError::Engine`] for a module without the C ABI; [`NodeError::Runtime`] if it takes no base network.
    pub(crate) fn open(&self) -> Result<Exact, NodeError> {
        let mut store = Store::new(self.module.engine(), ());
        let mut linker = Linker::new(self.module.engine());
        // Those of its browser shell, which no call of the C ABI reaches.
        linker.define_unknown_imports_as_traps(&self.module).map_err(engine_error)?;
        let instance = linker.instantiate(&mut store, &self.module).map_err(engine_error)?;
        let mut exact = Exact::bind(store, instance)?;
        if let Some(base) = &self.base {
            exact.ask(Request::Provide { file: Bytes::from(base.to_vec()).into() })?;
        }
        Ok(exact)
    }
}

/// A running instance.
pub(crate) struct Exact {
    store: Store<()>,
    memory: Memory,
    alloc: TypedFunc<u32, u32>,
    call: TypedFunc<(u32, u32), u32>,
    free: TypedFunc<(u32, u32), ()>,
}

impl Exact {
    fn bind(mut store: Store<()>, instance: Instance) -> Result<Self, NodeError> {
        let memory = instance
            .get_memory(&mut store, "memory")
            .ok_or_else(|| NodeError::Engine("it exports no memory".into()))?;
        Ok(Self {
            memory,
            alloc: instance.get_typed_func(&mut store, "delea_alloc").map_err(engine_error)?,
            call: instance.get_typed_func(&mut store, "delea_call").map_err(engine_error)?,
            free: instance.get_typed_func(&mut store, "delea_free").map_err(engine_error)?,
            store,
        })
    }

    /// Gives a frame, takes a frame.
    ///
    /// # Errors
    /// [`NodeError::Engine`] on a trap.
    pub(crate) fn exchange(&mut self, frame: &[u8]) -> Result<Vec<u8>, NodeError> {
        let length = u32::try_from(frame.len()).map_err(engine_error)?;
        let start = self.alloc.call(&mut self.store, length).map_err(engine_error)?;
        self.memory.write(&mut self.store, start as usize, frame).map_err(engine_error)?;
        let answer = self.call.call(&mut self.store, (start, length)).map_err(engine_error)?;
        let mut length = [0; 4];
        let before = (answer as usize).saturating_sub(4);
        self.memory.read(&self.store, before, &mut length).map_err(engine_error)?;
        let length = u32::from_le_bytes(length);
        let bytes = self.memory.data(&self.store).get(answer as usize..);
        let bytes = bytes.and_then(|bytes| bytes.get(..length as usize)).map(<[u8]>::to_vec);
        let bytes = bytes.ok_or_else(|| NodeError::Engine("its answer is cut short".into()))?;
        self.free.call(&mut self.store, (answer, length)).map_err(engine_error)?;
        Ok(bytes)
    }

    /// One call.
    ///
    /// # Errors
    /// [`NodeError::Runtime`] if the runtime refuses, [`NodeError::Engine`] on a trap.
    pub(crate) fn call(&mut self, call: &Call) -> Result<Answer, NodeError> {
        let frame = self.exchange(&wire::to_frame(call)?)?;
        match wire::from_frame(&frame)? {
            Answer::Failed { error } => Err(error.into()),
            answer => Ok(answer),
        }
    }

    /// A request that needs no job.
    ///
    /// # Errors
    /// As [`Exact::call`].
    pub(crate) fn ask(&mut self, request: Request) -> Result<Event, NodeError> {
        match self.call(&Call::Ask { request })? {
            Answer::Told { event } => Ok(event),
            _ => Err(NodeError::Engine("it gave another answer than asked for".into())),
        }
    }

    /// A training from its start to its end. `each` sees every answer and may stop it with an error.
    ///
    /// # Errors
    /// As [`Exact::call`], and those of `each`.
    pub(crate) fn train(
        &mut self,
        job: TrainJob,
        checkpoint: Option<Vec<u8>>,
        mut each: impl FnMut(&mut Self, &Answer) -> Result<(), NodeError>,
    ) -> Result<TrainResult, NodeError> {
        let checkpoint = checkpoint.map(Into::into);
        let mut answer = self.call(&Call::Begin { job: Box::new(job), checkpoint })?;
        loop {
            each(self, &answer)?;
            answer = self.call(&Call::Advance { steps: SLICE })?;
            if let Answer::Trained(result) = answer {
                return Ok(*result);
            }
        }
    }
}

/// Speaks the C ABI's frames over standard input and output, each after its length: for other engines'
/// tests, and for programs in other languages.
///
/// # Errors
/// [`NodeError::Engine`] on a trap.
pub(crate) fn speak(runtime: &Runtime) -> Result<(), NodeError> {
    let mut exact = runtime.open()?;
    let (mut input, mut output) = (std::io::stdin().lock(), std::io::stdout().lock());
    let mut length = [0; 4];
    while input.read_exact(&mut length).is_ok() {
        let mut frame = vec![0; u32::from_le_bytes(length) as usize];
        input.read_exact(&mut frame).map_err(engine_error)?;
        let answer = exact.exchange(&frame)?;
        output.write_all(&(answer.len() as u32).to_le_bytes()).map_err(engine_error)?;
        output.write_all(&answer).and_then(|()| output.flush()).map_err(engine_error)?;
    }
    Ok(())
}
