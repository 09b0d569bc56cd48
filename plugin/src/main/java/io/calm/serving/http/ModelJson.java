package io.calm.serving.http;

import com.google.gson.JsonArray;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import io.calm.compare.ShadowShare;
import io.calm.generate.SchedulerSettings;
import io.calm.generate.SchedulerStats;
import io.calm.model.ModelSpec;
import io.calm.search.Progress;
import io.calm.search.Progress.Attempt;
import io.calm.serving.model.BackgroundSearch;
import io.calm.serving.model.LoadProgress;
import io.calm.serving.model.ModelStatus;
import io.calm.serving.model.ServedModel;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Stream;

/** A model's status as JSON. Numbers that are not finite become null. */
final class ModelJson {
  private static final Progress.Position NO_POSITION = new Progress.Position(0, 0);
  private static final Progress.Scores NO_SCORES = new Progress.Scores(0, Double.NaN, "");

  private ModelJson() {}

  static String calmStatus(ModelStatus status) {
    if (hasFailed(status)) {
      return "failed";
    }
    return status.getClass().getSimpleName().toLowerCase(Locale.ROOT);
  }

  /** Returns whether the model failed to load, or its scheduler has died. */
  static boolean hasFailed(ModelStatus status) {
    return status instanceof ModelStatus.Failed
        || (status instanceof ModelStatus.Ready && !status.answers());
  }

  /** DJL Serving's status words in {@code GET /ping} and {@code GET /models/{m}}. */
  static String djlStatus(ModelStatus status) {
    if (status instanceof ModelStatus.Ready) {
      return status.answers() ? "Healthy" : "Unhealthy";
    }
    return djlListStatus(status);
  }

  /** DJL Serving's status words in {@code GET /models}. */
  static String djlListStatus(ModelStatus status) {
    if (status instanceof ModelStatus.Ready) {
      return "READY";
    }
    return status instanceof ModelStatus.Failed ? "FAILED" : "PENDING";
  }

  /** Returns one element of {@code GET /calm/models}. */
  static JsonObject summary(String name, ModelStatus status) {
    JsonObject object = new JsonObject();
    object.addProperty("name", name);
    object.addProperty("url", status.url());
    object.addProperty("status", calmStatus(status));
    if (status instanceof ModelStatus.Loading loading) {
      object.add("progress", progress(loading.progress()));
    } else if (status instanceof ModelStatus.Failed failed) {
      object.addProperty("reason", failed.reason());
    } else if (status instanceof ModelStatus.Ready ready) {
      object.addProperty("variant", ready.model().variant());
      object.addProperty("chat", ready.model().chatTemplate().isPresent());
      object.add("load", load(ready));
      ready.search().ifPresent(search -> addSearch(object, search));
      ready
          .model()
          .scheduler()
          .failure()
          .ifPresent(
              failure ->
                  object.addProperty(
                      "reason",
                      "its scheduler has failed: %s; unregister the model and register it again"
                          .formatted(
                              Optional.ofNullable(failure.getMessage())
                                  .orElseGet(failure::toString))));
    }
    return object;
  }

  /** Returns {@code GET /calm/models/{m}}. */
  static JsonObject full(String name, ModelStatus status) {
    JsonObject object = summary(name, status);
    if (status instanceof ModelStatus.Ready ready) {
      ServedModel model = ready.model();
      object.addProperty("created", model.created().toString());
      object.add("spec", spec(model.spec()));
      object.add("plan", PlanView.of(model.plan()));
    }
    return object;
  }

  private static void addSearch(JsonObject object, BackgroundSearch search) {
    if (search instanceof BackgroundSearch.Running running) {
      object.add("search", progress(running.progress()));
    } else if (search instanceof BackgroundSearch.Failed failed) {
      object.addProperty("search_failure", failed.reason());
    }
  }

  private static JsonObject progress(LoadProgress load) {
    Progress moment = load.current();
    JsonObject object = new JsonObject();
    object.addProperty("phase", moment.phase());
    if (moment instanceof Progress.BlockPhase phase) {
      addBlocks(object, phase.position(), attempt(phase), phase.scores());
    } else if (moment instanceof Progress.Sampling sampling) {
      object.addProperty("token", sampling.tokens());
      object.addProperty("tokens", sampling.total());
      addBlocks(object, NO_POSITION, new Attempt(sampling.algorithm(), 0, 0), NO_SCORES);
    } else {
      addBlocks(object, NO_POSITION, new Attempt("", 0, 0), NO_SCORES);
    }
    addNumber(object, "elapsed_seconds", load.elapsedSeconds());
    addNumber(object, "eta_seconds", moment.etaSeconds());
    return object;
  }

  private static Attempt attempt(Progress.BlockPhase phase) {
    return phase instanceof Progress.Searching searching
        ? searching.attempt()
        : new Attempt(phase.algorithm(), 0, 0);
  }

  /** Every phase has the keys of a search, so that a client can read them without a check. */
  private static void addBlocks(
      JsonObject object, Progress.Position position, Attempt attempt, Progress.Scores scores) {
    object.addProperty("block", position.block());
    object.addProperty("layers", position.blocks());
    object.addProperty("algorithm", attempt.algorithm());
    object.addProperty("candidate", attempt.index());
    object.addProperty("pool", attempt.pool());
    object.addProperty("evaluations", scores.evaluations());
    object.addProperty("last_algorithm", scores.lastAlgorithm());
    addNumber(object, "last_score", scores.last());
  }

  static void addNumber(JsonObject object, String key, double value) {
    object.add(key, Double.isFinite(value) ? new JsonPrimitive(value) : JsonNull.INSTANCE);
  }

  private static JsonObject spec(ModelSpec spec) {
    JsonObject object = new JsonObject();
    object.addProperty("architecture", spec.architecture());
    object.addProperty("layers", spec.layers());
    object.addProperty("hidden", spec.hidden());
    object.addProperty("heads", spec.heads());
    object.addProperty("kv_heads", spec.kvHeads());
    object.addProperty("intermediate", spec.intermediate());
    object.addProperty("vocabulary", spec.vocabulary());
    object.addProperty("max_context", spec.maxContext());
    return object;
  }

  /**
   * Returns the load of a model by all of its requests. The limits are those of the served plan and
   * of the uniform twin together, because each has a queue and KV blocks of its own.
   */
  private static JsonObject load(ModelStatus.Ready ready) {
    SchedulerStats stats = ready.load();
    SchedulerSettings served = ready.model().scheduler().settings();
    Optional<ShadowShare.Twin> twin = ready.model().comparison().shadow().twin();
    List<SchedulerSettings> limits =
        Stream.concat(Stream.of(served), twin.stream().map(t -> t.scheduler().settings())).toList();
    JsonObject object = new JsonObject();
    object.addProperty("running", stats.running());
    object.addProperty("waiting", stats.waiting());
    object.addProperty("paused", stats.paused());
    object.addProperty(
        "max_running", limits.stream().mapToInt(SchedulerSettings::maxRunning).sum());
    object.addProperty("queue_size", limits.stream().mapToInt(SchedulerSettings::queueSize).sum());
    object.addProperty("max_context", served.maxContext());
    object.addProperty("kv_tokens", limits.stream().mapToLong(SchedulerSettings::kvTokens).sum());
    object.addProperty("kv_blocks", stats.blocks());
    object.addProperty("kv_blocks_used", stats.usedBlocks());
    object.addProperty("steps", stats.steps());
    object.addProperty("step_tokens", stats.stepTokens());
    object.addProperty("speculated_tokens", stats.proposedTokens());
    object.addProperty("speculated_accepted_tokens", stats.acceptedTokens());
    twin.ifPresent(
        t -> {
          JsonObject uniform = new JsonObject();
          uniform.addProperty("variant", t.variant());
          uniform.addProperty("running", t.stats().running());
          uniform.addProperty("waiting", t.stats().waiting());
          uniform.addProperty("paused", t.stats().paused());
          object.add("uniform", uniform);
        });
    return object;
  }

  /** Returns an element of {@code GET /models/{m}}: a workflow of one model, as in DJL Serving. */
  static JsonObject djl(String name, ModelStatus status, boolean startup) {
    JsonObject model = new JsonObject();
    model.addProperty("modelName", name);
    model.addProperty("modelUrl", status.url());
    model.addProperty("batchSize", 1);
    model.addProperty("maxBatchDelayMillis", 0);
    model.addProperty("maxIdleSeconds", 0);
    if (status instanceof ModelStatus.Ready r) {
      model.addProperty("queueSize", r.model().scheduler().settings().queueSize());
      model.addProperty("requestInQueue", r.load().waiting());
    }
    model.addProperty("status", djlStatus(status));
    model.addProperty("loadedAtStartup", startup);
    model.add("workerGroups", workers(status));
    JsonArray models = new JsonArray();
    models.add(model);
    JsonObject workflow = new JsonObject();
    workflow.addProperty("workflowName", name);
    workflow.add("models", models);
    return workflow;
  }

  private static JsonArray workers(ModelStatus status) {
    JsonObject device = new JsonObject();
    device.addProperty("deviceType", "cpu");
    device.addProperty("deviceId", -1);
    JsonArray workers = new JsonArray();
    if (status instanceof ModelStatus.Ready ready) {
      JsonObject worker = new JsonObject();
      worker.addProperty("id", 1);
      worker.addProperty(
          "startTime", ready.model().created().truncatedTo(ChronoUnit.MILLIS).toString());
      worker.addProperty("status", "READY");
      workers.add(worker);
    }
    JsonObject group = new JsonObject();
    group.add("device", device);
    group.addProperty("minWorkers", 1);
    group.addProperty("maxWorkers", 1);
    group.add("workers", workers);
    JsonArray groups = new JsonArray();
    groups.add(group);
    return groups;
  }
}
