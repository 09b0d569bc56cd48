package io.calm.host;

import static io.calm.testing.HttpClients.get;
import static io.calm.testing.HttpClients.json;
import static io.calm.testing.HttpClients.object;
import static io.calm.testing.HttpClients.post;
import static io.calm.testing.HttpClients.request;
import static io.calm.testing.HttpClients.send;

import com.google.gson.JsonObject;
import io.calm.search.Progress;
import io.calm.serving.load.ModelLoader;
import io.calm.serving.model.ServedModel;
import io.calm.testing.Latches;
import io.calm.testing.Poll;
import io.calm.testing.ScriptedModels;
import java.net.URLEncoder;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A host per test with the ready model {@code there}, and requests that register and unregister
 * others. A model whose name begins with {@code slow} waits until it may load, {@code bad} fails,
 * and others load at once.
 */
final class ManagedModels implements BeforeEachCallback, AfterEachCallback {
  private final CountDownLatch slowMayLoad = new CountDownLatch(1);
  private Supplier<? extends Throwable> failure = IllegalStateException::new;
  private TestHost host = TestHost.closed();

  @Override
  public void beforeEach(ExtensionContext context) throws Exception {
    host = TestHost.start(HostSettings.of("127.0.0.1", 0), this::load);
    host.serve("there");
  }

  private ServedModel load(ModelLoader.Order order, Consumer<Progress> progress) {
    progress.accept(new Progress.Step(Progress.Kind.OPENING));
    if (order.name().startsWith("slow")) {
      Latches.await(slowMayLoad);
      progress.accept(new Progress.Step(Progress.Kind.CHECKING));
    }
    if (order.name().startsWith("bad")) {
      throw unchecked(failure.get());
    }
    return ScriptedModels.create(order.name());
  }

  private static RuntimeException unchecked(Throwable failure) {
    if (failure instanceof Error error) {
      throw error;
    }
    return (RuntimeException) failure;
  }

  /** Lets the models load whose names begin with {@code slow}. */
  void letSlowLoad() {
    slowMayLoad.countDown();
  }

  /** Sets what the loads throw of models whose names begin with {@code bad}. */
  void failWith(Throwable reason) {
    failure = () -> reason;
  }

  TestHost host() {
    return host;
  }

  String url() {
    return host.url();
  }

  /**
   * Registers a model in a new directory.
   *
   * @param more further parameters, e.g. {@code &synchronous=false}
   */
  HttpResponse<byte[]> register(Path models, String name, String more) throws Exception {
    Path directory = Files.createDirectories(models.resolve(name));
    String url = URLEncoder.encode(directory.toUri().toString(), StandardCharsets.UTF_8);
    String target = "%s/models?url=%s&model_name=%s%s".formatted(url(), url, name, more);
    return send(request(target).POST(BodyPublishers.noBody()).build());
  }

  HttpResponse<byte[]> unregister(String name) throws Exception {
    return send(request(url() + "/models/" + name).DELETE().build());
  }

  HttpResponse<byte[]> scale(String name, String query) throws Exception {
    return send(request(url() + "/models/" + name + query).PUT(BodyPublishers.noBody()).build());
  }

  HttpResponse<byte[]> ask(String name) throws Exception {
    return post(url() + "/predictions/" + name, "{\"inputs\": \"say(hi)|\"}");
  }

  /** Returns {@code status} of an answer. */
  static String status(HttpResponse<byte[]> response) {
    return object(response).get("status").getAsString();
  }

  /** Returns {@code status} of {@code /calm/models/NAME}. */
  String calmStatus(String name) throws Exception {
    return status(get(url() + "/calm/models/" + name));
  }

  void awaitStatus(String name, String status) throws Exception {
    Poll.until(name + " is " + status, () -> calmStatus(name).equals(status));
  }

  /** Waits until the load of a model has begun. */
  void awaitRegistration(String name) throws Exception {
    Poll.until(name + " is registered", () -> host.registry().status(name).isPresent());
  }

  /** Returns the object of DJL Serving's {@code /models/NAME}. */
  JsonObject described(String name) throws Exception {
    return json(get(url() + "/models/" + name))
        .getAsJsonArray()
        .get(0)
        .getAsJsonObject()
        .getAsJsonArray("models")
        .get(0)
        .getAsJsonObject();
  }

  @Override
  public void afterEach(ExtensionContext context) {
    letSlowLoad();
    host.close();
  }
}
