package io.calm.serving.djl;

import ai.djl.Device;
import ai.djl.Model;
import ai.djl.inference.Predictor;
import ai.djl.modality.Input;
import ai.djl.modality.Output;
import ai.djl.ndarray.BytesSupplier;
import ai.djl.translate.Translator;
import io.calm.generate.Scheduler;
import io.calm.serving.ServedModel;
import io.calm.serving.api.ApiException;
import io.calm.serving.api.JsonBody;
import io.calm.serving.api.PreparedReply;
import io.calm.serving.api.Schema;
import io.calm.serving.text.TextService;
import io.netty.handler.codec.http.HttpResponseStatus;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers DJL Serving's own routes. A request is handed to the model's scheduler and {@link
 * #batchPredict} returns at once, with an open stream that the scheduler's thread fills; so one
 * worker serves any number of clients.
 *
 * <p>Where as many requests wait as can run, it blocks instead: then DJL Serving's own queue fills,
 * which {@code job_queue_size} bounds. It throws nothing, for an exception kills DJL Serving's only
 * worker for a minute: errors are outputs with a code. What these routes cannot do: change the
 * status once the answer has begun, notice that a client is gone, or slow down for a slow one.
 */
final class CalmPredictor extends Predictor<Input, Output> {
  private static final Logger logger = LoggerFactory.getLogger(CalmPredictor.class);
  private static final long POLL_MILLIS = 5;

  private final ServedModel served;
  private final TextService text;

  CalmPredictor(
      Model model,
      Translator<Input, Output> translator,
      Device device,
      ServedModel served,
      TextService text) {
    super(model, translator, device, false);
    this.served = served;
    this.text = text;
  }

  @Override
  public List<Output> batchPredict(List<Input> inputs) {
    return inputs.stream().map(this::answer).toList();
  }

  private Output answer(Input input) {
    try {
      byte[] body =
          Optional.ofNullable(input.getData()).map(BytesSupplier::getAsBytes).orElse(new byte[0]);
      PreparedReply reply =
          text.prepare(served, Schema.DJL, JsonBody.parse(body), input.getProperty("Accept", ""));
      return started(input, reply);
    } catch (ApiException e) {
      return refusal(e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return refusal(
          new ApiException(ApiException.Kind.NOT_READY, served.name() + " is being unloaded"));
    } catch (RuntimeException | Error e) {
      logger.error("{}: a request failed", served.name(), e);
      return refusal(
          new ApiException(
              ApiException.Kind.INTERNAL,
              "this is a bug of the server; its log has the stack trace"));
    }
  }

  private Output started(Input input, PreparedReply reply) throws InterruptedException {
    BufferedPublisher publisher = new BufferedPublisher();
    PublisherReply sink = new PublisherReply(publisher);
    while (true) {
      awaitRoom(input);
      try {
        reply.start(sink);
        break;
      } catch (ApiException e) {
        if (e.kind() != ApiException.Kind.QUEUE_FULL) {
          throw e;
        }
        TimeUnit.MILLISECONDS.sleep(POLL_MILLIS); // others came first
      }
    }
    Output output = new Output(HttpResponseStatus.OK.code(), "OK");
    output.addProperty("Content-Type", reply.contentType());
    output.add(publisher);
    return output;
  }

  private void awaitRoom(Input input) throws InterruptedException {
    Scheduler scheduler = served.scheduler();
    while (scheduler.waiting() >= scheduler.settings().maxRunning()) {
      if (input.isCancelled()) {
        throw new ApiException(
            ApiException.Kind.NOT_READY, "the client went away before its turn came");
      }
      TimeUnit.MILLISECONDS.sleep(POLL_MILLIS);
    }
  }

  private static Output refusal(ApiException error) {
    Output output =
        new Output(
            error.kind().status(),
            HttpResponseStatus.valueOf(error.kind().status()).reasonPhrase());
    output.addProperty("Content-Type", "application/json");
    output.add((Schema.DJL.errors().of(error) + "\n").getBytes(StandardCharsets.UTF_8));
    return output;
  }

  /**
   * Has nothing to free: DJL's own would warn that its array manager, which never closes, is open.
   */
  @Override
  @SuppressWarnings({"deprecation", "removal", "Finalize"})
  protected void finalize() {}
}
