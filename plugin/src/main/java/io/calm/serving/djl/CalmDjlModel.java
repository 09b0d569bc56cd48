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
import io.calm.checkpoint.CheckpointException;
import io.calm.serving.LoadProgress;
import io.calm.serving.ModelRegistry;
import io.calm.serving.ModelStatus;
import io.calm.serving.ServedModel;
import io.calm.serving.load.NotEnoughMemoryException;
import io.calm.serving.settings.ModelProperties;
import io.calm.serving.text.TextService;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.NoSuchElementException;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.IntSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A model of the CALM engine. {@link #load} makes it answer, {@link #close} ends it without
 * waiting: DJL Serving calls that on a Netty thread.
 *
 * <p>Errors of a load have the types that DJL Serving turns into fitting statuses: {@link
 * MalformedModelException} (400) for a setting or checkpoint that cannot be used, {@link
 * NoSuchElementException} (404) where there is no checkpoint, {@link IllegalArgumentException}
 * (409) where the name is taken, {@link WlmOutOfMemoryException} (507) where memory is short;
 * others are 500.
 */
final class CalmDjlModel extends BaseModel {
  private static final Logger logger = LoggerFactory.getLogger(CalmDjlModel.class);

  private final ModelRegistry registry;
  private final LoadModel loader;
  private final TextService text;
  private final IntSupplier throttleStatus;
  private @Nullable ServedModel served;

  CalmDjlModel(
      String name,
      NDManager manager,
      ModelRegistry registry,
      LoadModel loader,
      TextService text,
      IntSupplier throttleStatus) {
    super(name);
    this.registry = registry;
    this.loader = loader;
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
    String url = Optional.ofNullable(getProperty(ModelKeys.URL)).orElse(path.toUri().toString());
    LoadProgress progress;
    try {
      progress = registry.loading(name, url);
    } catch (IllegalStateException taken) {
      throw new IllegalArgumentException(
          taken.getMessage()
              + " (one copy serves all requests: load_on_devices must name one device)",
          taken);
    }
    try {
      served = load(name, url, properties(path, options), progress);
      registry.ready(served);
      wasLoaded = true;
    } catch (IllegalArgumentException | CheckpointException refused) {
      throw new MalformedModelException(failed(name, url, refused));
    } catch (NoSuchElementException missing) {
      throw new NoSuchElementException(failed(name, url, missing));
    } catch (NotEnoughMemoryException | OutOfMemoryError tooLarge) {
      throw outOfMemory(failed(name, url, tooLarge));
    } catch (IOException | RuntimeException | Error failure) {
      logger.error("{}", name, failure);
      throw new EngineException(failed(name, url, failure));
    }
  }

  /** Returns what DJL Serving answers with 507; outside DJL Serving its type does not exist. */
  private static RuntimeException outOfMemory(String reason) {
    try {
      return new WlmOutOfMemoryException(reason);
    } catch (NoClassDefFoundError e) {
      return new EngineException(reason, e);
    }
  }

  private ServedModel load(
      String name, String url, ModelProperties properties, LoadProgress progress)
      throws IOException {
    Path checkpoint = properties.checkpoint();
    if (!Files.exists(checkpoint)) {
      throw new NoSuchElementException(
          ("option.model_id: expected a directory or .gguf file on this machine, there is"
                  + " nothing at %s; CALM downloads nothing from a hub (s3:// is fetched by DJL"
                  + " Serving where it stands in serving.properties)")
              .formatted(checkpoint));
    }
    LoadModel.Order order =
        new LoadModel.Order(
            name,
            url,
            checkpoint,
            properties.settings(System.getenv()),
            OperatorOptions.lmi(properties.values()),
            progress);
    try {
      return LoadThread.load(loader, order);
    } catch (NoSuchElementException bug) { // a status of its own only where we throw it
      throw new IllegalStateException(bug.toString(), bug);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      InterruptedIOException interrupted =
          new InterruptedIOException(name + ": interrupted while it was loading");
      interrupted.initCause(e);
      throw interrupted;
    }
  }

  /** Both files, DJL's arguments and its options; the later wins. */
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
   * Notes and logs a failure and returns its words. What is thrown then has no cause, for DJL
   * Serving tells its client the innermost message alone.
   */
  private String failed(String name, String url, Throwable failure) {
    String reason = Optional.ofNullable(failure.getMessage()).orElseGet(failure::toString);
    logger.error("{}: cannot be loaded from {}: {}", name, url, reason);
    registry.failed(name, url, reason);
    return name + ": " + reason;
  }

  /**
   * {@inheritDoc}
   *
   * <p>The translator is left aside: requests are text and so are answers.
   */
  @Override
  @SuppressWarnings("unchecked")
  public <I, O> Predictor<I, O> newPredictor(Translator<I, O> translator, Device device) {
    ServedModel model = served;
    if (model == null) {
      throw new IllegalStateException(modelName + ": not loaded");
    }
    return (Predictor<I, O>)
        new CalmPredictor(
            this, (Translator<Input, Output>) translator, device, model, text, throttleStatus);
  }

  @Override
  public void close() {
    ServedModel model = served;
    if (model != null
        && registry.status(model.name()).orElse(null) instanceof ModelStatus.Ready ready
        && ready.model().equals(model)) {
      logger.info("{}: unloaded", model.name());
      registry.remove(model.name());
    }
    super.close();
  }

  /**
   * Has nothing to free: DJL's own would warn that its array manager, which never closes, is open.
   */
  @Override
  @SuppressWarnings({"deprecation", "removal", "Finalize"})
  protected void finalize() {}
}
