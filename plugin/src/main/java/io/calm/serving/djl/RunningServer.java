package io.calm.serving.djl;

import ai.djl.modality.Input;
import ai.djl.modality.Output;
import ai.djl.serving.models.Endpoint;
import ai.djl.serving.models.ModelManager;
import ai.djl.serving.util.ConfigManager;
import ai.djl.serving.wlm.WorkLoadManager;
import ai.djl.serving.wlm.WorkerPool;
import ai.djl.serving.wlm.WorkerPoolConfig;
import ai.djl.serving.wlm.util.WlmException;
import ai.djl.serving.workflow.Workflow;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The DJL Serving instance of this process. */
final class RunningServer implements DjlServer {

  @Override
  public Set<String> names() {
    return workflows()
        .flatMap(workflow -> workflow.getWpcs().stream())
        .map(RunningServer::name)
        .collect(Collectors.toUnmodifiableSet());
  }

  @Override
  public Optional<String> startup() {
    return ModelManager.getInstance().getSingleStartupWorkflow();
  }

  @Override
  public List<String> versions(String name) {
    List<Optional<String>> models =
        endpoint(name).stream()
            .flatMap(endpoint -> List.copyOf(endpoint.getWorkflows()).stream())
            .map(RunningServer::onlyModel)
            .toList();
    return models.stream().allMatch(Optional::isPresent)
        ? models.stream().flatMap(Optional::stream).toList()
        : List.of();
  }

  @Override
  @SuppressWarnings("NullAway") // DJL uses null for an unspecified version
  public Optional<String> next(String name) {
    @Nullable Workflow next = ModelManager.getInstance().getWorkflow(name, null, true);
    return Optional.ofNullable(next).flatMap(RunningServer::onlyModel);
  }

  @Override
  public boolean hasStartedWorkers(String model) {
    return pools(model).anyMatch(pool -> pool.getMaxWorkers() > 0 && pool.isFullyScaled());
  }

  @Override
  public boolean hasWorker(String model) {
    return pools(model).anyMatch(pool -> !pool.isAllWorkerDied());
  }

  @Override
  public CompletableFuture<Output> run(String model, Input job) {
    return workflows()
        .filter(workflow -> onlyModel(workflow).filter(model::equals).isPresent())
        .findFirst()
        .map(workflow -> ModelManager.getInstance().runJob(workflow, job))
        .orElseGet(
            () ->
                CompletableFuture.failedFuture(
                    new WlmException("model %s is no longer registered".formatted(model))));
  }

  @Override
  public int throttleStatus() {
    return ConfigManager.getInstance().getThrottleErrorHttpCode();
  }

  private static Stream<WorkerPool<Input, Output>> pools(String model) {
    WorkLoadManager manager = ModelManager.getInstance().getWorkLoadManager();
    return workflows()
        .flatMap(workflow -> workflow.getWpcs().stream())
        .filter(config -> name(config).equals(model))
        .map(manager::getWorkerPool)
        .filter(Objects::nonNull); // a model that is not loaded has none
  }

  private static Stream<Workflow> workflows() {
    return ModelManager.getInstance().getEndpoints().values().stream()
        .flatMap(endpoint -> List.copyOf(endpoint.getWorkflows()).stream());
  }

  private static Optional<Endpoint> endpoint(String name) {
    return Optional.ofNullable(ModelManager.getInstance().getEndpoints().get(name));
  }

  private static Optional<String> onlyModel(Workflow workflow) {
    return workflow.getWpcs().size() == 1
        ? workflow.getWpcs().stream().map(RunningServer::name).findFirst()
        : Optional.empty();
  }

  private static String name(WorkerPoolConfig<?, ?> model) {
    return ModelName.of(model.getId(), model.getVersion());
  }
}
