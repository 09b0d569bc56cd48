package io.calm.serving.djl;

import ai.djl.BaseModel;
import ai.djl.Device;
import ai.djl.MalformedModelException;
import ai.djl.engine.EngineException;
import ai.djl.inference.Predictor;
import ai.djl.modality.Input;
import ai.djl.modality.Output;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.serving.wlm.util.WlmOutOfMemoryException;
import ai.djl.translate.Translator;
import io.calm.metrics.AnswerListener;
import io.calm.serving.dispatch.TextService;
import io.calm.serving.load.LoadErrors;
import io.calm.serving.load.ModelLoader;
import io.calm.serving.load.WarmLoader;
import io.calm.serving.model.LmiOptions;
import io.calm.serving.model.LoadCancelledException;
import io.calm.serving.model.LoadProgress;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ServedModel;
import io.calm.serving.reply.ApiException;
import io.calm.settings.ModelProperties;
import io.calm.text.Urls;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A model of the CALM engine. {@link #load} makes it ready; {@link #close} ends it without waiting,
 * because DJL Serving calls it on a Netty thread.
 *
 * <p>Errors of a load have the types that DJL Serving maps to statuses: {@link
 * MalformedModelException} (400) for an invalid setting or checkpoint, {@link
 * NoSuchElementException} (404) for a missing checkpoint, {@link IllegalArgumentException} (409) if
 * the name is taken or the model was unregistered meanwhile, {@link WlmOutOfMemoryException} (507)
 * for lack of memory; all others are 500.
 */
final class CalmDjlModel extends BaseModel {
  /**
   * The property in which DJL Serving counts failures; above {@code retry_threshold}, {@code /ping}
   * fails.
   */
  private static final String FAILURES = "failed";

  private final ModelRegistry registry;
  private final WarmLoader loader;
  private final TextService text;
  private final IntSupplier throttleStatus;

  /** The model that answers. It is replaced when a search in the background is done. */
  private final AtomicReference<@Nullable ServedModel> served = new AtomicReference<>();

  private volatile Optional<AnswerListener> lmiMetrics = Optional.empty();

  CalmDjlModel(
      String name,
      NDManager manager,
      ModelRegistry registry,
      ModelLoader.Loader loader,
      TextService text,
      IntSupplier throttleStatus) {
    super(name);
    this.registry = registry;
    this.loader = new WarmLoader(registry, loader);
    this.text = text;
    this.throttleStatus = throttleStatus;
    this.manager = manager;
    this.dataType = DataType.INT8;
  }

  @Override
  public void load(Path path, @Nullable String prefix, @Nullable Map<String, ?> options)
      throws IOException, MalformedModelException {
    setModelDir(path);
    String name = Optional.ofNullable(getProperty(ModelKeys.NAME)).orElse(modelName);
    String url =
        Urls.withoutSecrets(
            Optional.ofNullable(getProperty(ModelKeys.URL)).orElse(path.toUri().toString()));
    LoadProgress progress;
    try {
      progress = registry.loading(name, url);
    } catch (IllegalStateException taken) {
      throw new IllegalArgumentException(
          taken.getMessage()
              + " (one copy serves all requests; load_on_devices must name one device)",
          taken);
    } catch (LoadCancelledException stopping) {
      throw refusal(LoadErrors.of(stopping).kind(), String.valueOf(stopping.getMessage()));
    }
    try {
      ModelProperties properties = properties(path, options);
      Optional<Integer> aggregation = LmiMetrics.aggregation(properties.values());
      ServedModel model = load(name, url, properties, progress);
      served.compareAndSet(null, model); // unless it is replaced already
      aggregation.ifPresent(values -> logRequests(name, values));
      wasLoaded = true;
    } catch (IOException | RuntimeException | Error failure) {
      ApiException error = LoadErrors.log(name, url, progress.reason(failure));
      registry.failed(progress, name, url, error.getMessage());
      throw refusal(error.kind(), name + ": " + error.getMessage());
    }
  }

  private void logRequests(String name, int aggregation) {
    LmiMetrics listener = new LmiMetrics(name, () -> served().scheduler().stats(), aggregation);
    text.metrics().listen(name, listener);
    lmiMetrics = Optional.of(listener);
  }

  /**
   * Returns the exception for a load error. It has no cause, because DJL Serving shows its client
   * only the innermost message.
   */
  private static RuntimeException refusal(ApiException.Kind kind, String reason)
      throws MalformedModelException {
    return switch (kind) {
      case INVALID -> throw new MalformedModelException(reason);
      case UNKNOWN_MODEL -> new NoSuchElementException(reason);
      case CONFLICT -> new IllegalArgumentException(reason);
      case NOT_ENOUGH_MEMORY -> outOfMemory(reason);
      default -> new EngineException(reason);
    };
  }

  /**
   * Returns the exception that DJL Serving answers with 507. Its type does not exist outside DJL
   * Serving.
   */
  private static RuntimeException outOfMemory(String reason) {
    try {
      return DjlServingTypes.outOfMemory(reason);
    } catch (NoClassDefFoundError e) {
      return new EngineException(reason, e);
    }
  }

  /** A class of its own, since the verifier would look for the type when it loads this one. */
  private static final class DjlServingTypes {
    static RuntimeException outOfMemory(String reason) {
      return new WlmOutOfMemoryException(reason);
    }
  }

  private ServedModel load(
      String name, String url, ModelProperties properties, LoadProgress progress)
      throws IOException {
    Path checkpoint = properties.checkpoint();
    if (!Files.exists(checkpoint)) {
      throw new ApiException(
          ApiException.Kind.UNKNOWN_MODEL,
          ("option.model_id: expected a directory or .gguf file on this machine, there is"
                  + " nothing at %s; CALM downloads nothing from a hub (s3:// is fetched by DJL"
                  + " Serving where it stands in serving.properties)")
              .formatted(checkpoint));
    }
    ModelLoader.Order order =
        new ModelLoader.Order(
            name,
            url,
            checkpoint,
            properties.settings(System.getenv()),
            LmiOptions.of(properties.values()),
            true);
    try {
      return DedicatedThread.call(
          "calm-load-" + name, () -> loader.load(order, progress, moment -> {}, served::set));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      InterruptedIOException interrupted =
          new InterruptedIOException(name + ": interrupted while it was loading");
      interrupted.initCause(e);
      throw interrupted;
    }
  }

  /**
   * Merges the properties of both files, DJL's arguments and DJL's options; later ones take
   * precedence.
   */
  private ModelProperties properties(Path path, @Nullable Map<String, ?> options)
      throws IOException {
    ModelProperties files = ModelProperties.read(path);
    Map<String, String> values = new TreeMap<>(files.values());
    values.putAll(getProperties());
    if (options != null) {
      options.forEach((key, value) -> values.put("option." + key, String.valueOf(value)));
    }
    return new ModelProperties(files.directory(), values);
  }

  /**
   * {@inheritDoc}
   *
   * <p>A model whose scheduler has died reports more failures than any threshold allows.
   */
  @Override
  @SuppressWarnings("NullAway") // DJL uses null for a missing value
  public @Nullable String getProperty(String key) {
    ServedModel model = served.get();
    return key.equals(FAILURES) && model != null && model.scheduler().failure().isPresent()
        ? Integer.toString(Integer.MAX_VALUE)
        : super.getProperty(key);
  }

  /**
   * {@inheritDoc}
   *
   * <p>The translator is not used: requests and answers are text.
   */
  @Override
  @SuppressWarnings("unchecked")
  public <I, O> Predictor<I, O> newPredictor(Translator<I, O> translator, Device device) {
    if (served.get() == null) {
      throw new IllegalStateException(modelName + ": not loaded");
    }
    return (Predictor<I, O>)
        new CalmPredictor(
            this,
            (Translator<Input, Output>) translator,
            device,
            this::served,
            text,
            throttleStatus);
  }

  private ServedModel served() {
    return Objects.requireNonNull(served.get());
  }

  /** Removes the model. Its requests end and its memory is freed on a separate thread. */
  @Override
  public void close() {
    ServedModel model = served.get();
    if (model != null) {
      lmiMetrics.ifPresent(listener -> text.metrics().unlisten(model.name(), listener));
      registry.removeIf(model.name(), this::served);
    }
    super.close();
  }

  /**
   * Does nothing. DJL's implementation would warn that the array manager is open, which never
   * closes.
   */
  @Override
  @SuppressWarnings({"deprecation", "removal", "Finalize"})
  protected void finalize() {}
}
