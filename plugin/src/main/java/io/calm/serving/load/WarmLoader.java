package io.calm.serving.load;

import io.calm.kernels.NativeHeap;
import io.calm.quant.Granularity;
import io.calm.search.Progress;
import io.calm.serving.model.LoadCancelledException;
import io.calm.serving.model.LoadProgress;
import io.calm.serving.model.ModelRegistry;
import io.calm.serving.model.ServedModel;
import io.calm.serving.reply.ApiException;
import io.calm.settings.BaselineChoice;
import io.calm.settings.CalmSettings;
import io.calm.settings.CompareSettings;
import io.calm.settings.GenerationSettings;
import io.calm.settings.LoadSettings;
import io.calm.settings.QuantizationSettings;
import io.calm.settings.WarmStart;
import io.calm.tensor.TableFormat;
import io.calm.torch.Backends;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Loads models and registers them as ready. With {@code calm.warm-start=rtn}, a model that needs a
 * search is rounded to nearest and ready in seconds. The search runs in the background; its result
 * then replaces the rounded model. Thread safe.
 *
 * <p>The rounded model has an artifact of its own. The search is that of a cold start and gives the
 * same bits. It runs on a thread of the lowest priority; the threads that it starts inherit that.
 * The result is loaded by another thread, because the threads of a decoder must not inherit it.
 */
public final class WarmLoader {
  private static final Logger logger = LoggerFactory.getLogger(WarmLoader.class);

  private final ModelRegistry registry;
  private final ModelLoader.Loader loader;

  public WarmLoader(ModelRegistry registry, ModelLoader.Loader loader) {
    this.registry = registry;
    this.loader = loader;
  }

  /**
   * Loads a model on this thread and registers it as ready. Returns the model that answers now.
   *
   * @param progress result of {@link ModelRegistry#loading}
   * @param watcher receives every step of the load in addition, not those of a background search
   * @param swapped receives the model that replaces the returned one, when it does; it must not
   *     wait
   * @throws LoadCancelledException if the model was removed meanwhile
   */
  public ServedModel load(
      ModelLoader.Order order,
      LoadProgress progress,
      Consumer<Progress> watcher,
      Consumer<ServedModel> swapped) {
    Consumer<Progress> steps = progress.andThen(watcher);
    boolean warm =
        order.settings().loading().warmStart() == WarmStart.RTN
            && ModelLoader.searchesBeside(order, rounded(order.settings()));
    if (!warm) {
      ServedModel model = loader.load(order, steps);
      registry.ready(progress, model);
      return model;
    }
    ServedModel model = loader.load(with(order, rounded(order.settings())), steps);
    LoadProgress search = new LoadProgress();
    registry.ready(progress, model, search);
    logger.info(
        "{}: answers with {} until its search in the background is done",
        order.name(),
        model.variant());
    try {
      BackgroundThread.daemon(
          "calm-warm-" + order.name(), () -> replace(order, model, search, swapped));
    } catch (OutOfMemoryError e) { // no thread
      failed(order, search, e);
    }
    return model;
  }

  /** Searches, loads the result and replaces the model by it. */
  private void replace(
      ModelLoader.Order order,
      ServedModel first,
      LoadProgress search,
      Consumer<ServedModel> swapped) {
    try {
      search(order, search);
      CalmSettings settings = withKeysAndValuesOf(first, order.settings());
      ServedModel loaded = loader.load(with(order, settings), search);
      ServedModel next = loaded.withParts(loaded.parts().withTokenizer(first.tokenizer()));
      if (!loaded.tokenizer().equals(first.tokenizer())) {
        loaded.tokenizer().close();
      }
      registry.swap(search, next, () -> swapped.accept(next));
      logger.info(
          "{}: the search is done; {} answers now instead of {}",
          order.name(),
          next.variant(),
          first.variant());
    } catch (Throwable e) {
      NativeHeap.trim(); // a search frees much more than the model keeps
      failed(order, search, search.reason(e));
    }
  }

  private void search(ModelLoader.Order order, LoadProgress search) throws InterruptedException {
    BackgroundThread.call(
        "search",
        order,
        () -> {
          loader.search(order, search);
          return true;
        });
  }

  private void failed(ModelLoader.Order order, LoadProgress search, Throwable failure) {
    if (failure instanceof LoadCancelledException) {
      logger.info("{}: its search in the background is cancelled", order.name());
      return;
    }
    ApiException error = LoadErrors.of(failure);
    String reason =
        error.getMessage() + "; unregister the model and register it again to repeat the search";
    String message = "{}: its search in the background failed, uniform-rtn continues to answer: {}";
    if (LoadErrors.isExpected(failure)) {
      logger.error(message, order.name(), reason);
      logger.debug("{}: the failed search ended", order.name(), failure);
    } else {
      logger.error(message, order.name(), reason, failure);
    }
    registry.searchFailed(search, order.name(), reason);
  }

  private static ModelLoader.Order with(ModelLoader.Order order, CalmSettings settings) {
    return new ModelLoader.Order(
        order.name(), order.url(), order.checkpoint(), settings, order.lmi(), order.registered());
  }

  /**
   * Returns the settings of the model that answers during the search. Their texts are the
   * operator's but for what makes the plan another one.
   */
  static CalmSettings rounded(CalmSettings settings) {
    QuantizationSettings quantization = settings.quantization();
    LoadSettings loading = settings.loading();
    return new CalmSettings(
        new QuantizationSettings(
            quantization.group(),
            quantization.activation(),
            quantization.lmHead().or(() -> Optional.of(TableFormat.INT8)),
            quantization.plan().roundedToNearest(),
            quantization.calibration()),
        settings.decoder(),
        settings.generation(),
        settings.timeouts(),
        new LoadSettings(
            loading.enabled(),
            loading.baseline() instanceof BaselineChoice.Off
                ? loading.baseline()
                : new BaselineChoice.AfterSearch(loading.baseline()),
            loading.memoryCheck(),
            loading.tokenizerProbe(),
            loading.cacheDir(),
            WarmStart.OFF,
            loading.warmUp()),
        new CompareSettings(false, 0),
        roundedTexts(settings.texts()));
  }

  private static Map<String, String> roundedTexts(Map<String, String> texts) {
    Map<String, String> changed = new LinkedHashMap<>(texts);
    changed.replace("calm.algorithm", "rtn");
    changed.replace("calm.pool", "auto");
    changed.replace("calm.search.granularity", Granularity.BLOCK.setting());
    changed.replace("calm.lm-head", "auto", TableFormat.INT8.setting());
    return changed;
  }

  /**
   * Returns settings with the KV budget of a loaded model, so that a request that fits there also
   * fits the model that replaces it.
   */
  private static CalmSettings withKeysAndValuesOf(ServedModel model, CalmSettings settings) {
    long bytes =
        model.scheduler().settings().blocks()
            * Backends.blockBytes(model.spec(), settings.decoder().forDecoder());
    GenerationSettings generation = settings.generation();
    return new CalmSettings(
        settings.quantization(),
        settings.decoder(),
        new GenerationSettings(
            generation.maxContext(),
            OptionalLong.of((bytes + (1 << 20) - 1) >> 20),
            generation.maxRunning(),
            generation.queueSize(),
            generation.defaultMaxTokens(),
            generation.speculatedTokens()),
        settings.timeouts(),
        settings.loading(),
        settings.compare(),
        settings.texts());
  }
}
