//! The one writer: what has piled up goes into one transaction, and everybody gets the answer
//! after its commit.
//!
//! A commit costs an fsync however much it carries. While one runs, further writes queue up and
//! share the next one, so that many writers together are fast and a single one waits for no
//! timer. Each write has its own savepoint: one that is refused leaves nothing behind and does
//! not disturb its neighbours. Since all writes pass here one after the other, each of them may
//! look first and then write without another coming between.

use std::future::Future;
use std::pin::Pin;

use sea_orm::{
    DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use tokio::sync::{mpsc, oneshot};

use crate::StoreError;

/// Most writes that share one commit: bounds how long the first of them waits.
const BATCH: usize = 256;

/// Most writes that wait; further callers wait for a place.
const QUEUE: usize = 1024;

/// A future of one write.
pub(crate) type Writing<'t, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 't>>;

/// One write with somebody who waits for it.
trait Work: Send {
    /// Does it inside the shared transaction; true if it is to be kept.
    fn perform<'t>(
        &'t mut self,
        transaction: &'t DatabaseTransaction,
    ) -> Pin<Box<dyn Future<Output = bool> + Send + 't>>;

    /// Tells the one who waits. `shared` is how the shared transaction ended.
    fn answer(self: Box<Self>, shared: Result<(), String>);
}

struct Waiting<T, F> {
    write: Option<F>,
    result: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Work for Waiting<T, F>
where
    T: Send,
    F: for<'t> FnOnce(&'t DatabaseTransaction) -> Writing<'t, T> + Send,
{
    fn perform<'t>(
        &'t mut self,
        transaction: &'t DatabaseTransaction,
    ) -> Pin<Box<dyn Future<Output = bool> + Send + 't>> {
        Box::pin(async move {
            if let Some(write) = self.write.take() {
                self.result = Some(write(transaction).await);
            }
            matches!(self.result, Some(Ok(_)))
        })
    }

    fn answer(self: Box<Self>, shared: Result<(), String>) {
        let result = match (self.result, shared) {
            (Some(Ok(value)), Ok(())) => Ok(value),
            // Refused for its own reason, whatever became of the others.
            (Some(Err(error)), _) => Err(error),
            (_, Err(reason)) => Err(StoreError::Commit(reason)),
            (None, Ok(())) => Err(StoreError::Closed),
        };
        // Who has gone does not want to know; the write stays.
        let _ = self.reply.send(result);
    }
}

enum Order {
    Write(Box<dyn Work>),
    Stop(oneshot::Sender<()>),
}

/// Hands writes to the writer task. The task ends when the last handle is dropped.
#[derive(Clone)]
pub(crate) struct Writer {
    orders: mpsc::Sender<Order>,
}

impl Writer {
    /// Starts the writer on a connection of its own.
    pub(crate) fn start(database: DatabaseConnection) -> Self {
        let (orders, queue) = mpsc::channel(QUEUE);
        tokio::spawn(serve(database, queue));
        Self { orders }
    }

    /// Runs `write` and gives its result once it is on disk.
    ///
    /// # Errors
    /// What `write` refused, or that the commit failed; nothing of the write is kept then.
    pub(crate) async fn write<T, F>(&self, write: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t DatabaseTransaction) -> Writing<'t, T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let waiting = Waiting { write: Some(write), result: None, reply };
        self.orders.send(Order::Write(Box::new(waiting))).await.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Waits until everything handed in is on disk and the connection is closed.
    pub(crate) async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        if self.orders.send(Order::Stop(done)).await.is_ok() {
            // An error means that the task has ended, which is what is asked for.
            let _ = stopped.await;
        }
    }
}

async fn serve(database: DatabaseConnection, mut queue: mpsc::Receiver<Order>) {
    let mut orders = Vec::with_capacity(BATCH);
    let mut stopping = Vec::new();
    while queue.recv_many(&mut orders, BATCH).await > 0 {
        let mut batch = Vec::with_capacity(orders.len());
        for order in orders.drain(..) {
            match order {
                Order::Write(work) => batch.push(work),
                Order::Stop(done) => {
                    // What stands in the queue is still written, new orders are turned away.
                    queue.close();
                    stopping.push(done);
                }
            }
        }
        if !batch.is_empty() {
            let shared = commit(&database, &mut batch).await.map_err(|error| error.to_string());
            for work in batch {
                work.answer(shared.clone());
            }
        }
    }
    if let Err(error) = database.close().await {
        tracing::warn!(%error, "the database did not close cleanly; it recovers by itself at the next start");
    }
    for done in stopping {
        let _ = done.send(());
    }
}

/// Performs the batch in one transaction. An error means that nothing of it is kept.
async fn commit(database: &DatabaseConnection, batch: &mut [Box<dyn Work>]) -> Result<(), sea_orm::DbErr> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..Default::default()
    };
    let transaction = database.begin_with_options(options).await?;
    for work in batch {
        let savepoint = transaction.begin().await?;
        // A full disk can make SQLite roll back everything at once. The savepoint is gone then,
        // its end fails, and so the whole batch is reported as not kept.
        if work.perform(&savepoint).await {
            savepoint.commit().await?;
        } else {
            savepoint.rollback().await?;
        }
    }
    transaction.commit().await
}
