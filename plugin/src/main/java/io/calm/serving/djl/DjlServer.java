package io.calm.serving.djl;

import ai.djl.modality.Input;
import ai.djl.modality.Output;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/**
 * The queries and jobs for the server that the plugin runs in. Models of every engine have the
 * names of {@link ModelName}. Thread safe.
 */
interface DjlServer {

  /** Returns the names of all models. */
  Set<String> names();

  /**
   * Returns the only model that the server was started with, which is the default of its routes.
   */
  Optional<String> startup();

  /**
   * Returns the models, one per version, that answer under a name of the routes; empty if there is
   * none, or if one of them is a workflow of several models.
   */
  List<String> versions(String name);

  /** Returns the next model, in turn, among the {@link #versions} of a name. */
  Optional<String> next(String name);

  /**
   * Returns whether the workers of a model have been started; there may be none while it is idle.
   */
  boolean hasStartedWorkers(String model);

  /** Returns whether a worker of a model runs. If there is none, a job is refused. */
  boolean hasWorker(String model);

  /**
   * Queues a job for a model; its next free worker runs it.
   *
   * @return the worker's output; fails if the queue is full or there is no worker
   */
  CompletableFuture<Output> run(String model, Input job);

  /** Returns the status of DJL Serving's own routes when a queue is full. */
  int throttleStatus();
}
