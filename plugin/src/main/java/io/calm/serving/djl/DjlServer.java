package io.calm.serving.djl;

import ai.djl.modality.Input;
import ai.djl.modality.Output;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/**
 * What we ask of the server that the plugin runs in. Models of every engine are named as {@link
 * ModelName} has them. Thread safe.
 */
interface DjlServer {

  /** Returns the names of all models. */
  Set<String> names();

  /** Returns the only model that the server was started with: the default one of its routes. */
  Optional<String> startup();

  /**
   * Returns the models, one a version, that answer under a name of the routes; empty where there is
   * none, or one of them is a workflow of several.
   */
  List<String> versions(String name);

  /** Returns the model whose turn it is among the {@link #versions} of a name. */
  Optional<String> next(String name);

  /**
   * Puts a job into a model's queue; its next free worker runs it.
   *
   * @return what the worker gave; fails where the queue is full or there is no worker
   */
  CompletableFuture<Output> run(String model, Input job);

  /** Returns the status of DJL Serving's own routes where a queue is full. */
  int throttleStatus();
}
