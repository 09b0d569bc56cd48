package io.calm.serving.djl;

import ai.djl.serving.models.Endpoint;
import ai.djl.serving.models.ModelManager;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** What DJL Serving has registered, of every engine. */
interface DjlModels {

  /** Returns the names of all models, as {@link ModelName} has them. */
  Set<String> names();

  /** Returns the only model that the server was started with: the default one of its routes. */
  Optional<String> startup();

  /** Returns the models of the server that this plugin runs in. */
  static DjlModels ofServer() {
    return new DjlModels() {
      @Override
      public Set<String> names() {
        return ModelManager.getInstance().getEndpoints().values().stream()
            .map(Endpoint::getWorkflows)
            .flatMap(workflows -> workflows.stream())
            .flatMap(workflow -> workflow.getWpcs().stream())
            .map(model -> ModelName.of(model.getId(), model.getVersion()))
            .collect(Collectors.toUnmodifiableSet());
      }

      @Override
      public Optional<String> startup() {
        return ModelManager.getInstance().getSingleStartupWorkflow();
      }
    };
  }
}
