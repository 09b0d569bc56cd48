package io.calm.serving.contract;

import static io.calm.testing.HttpClients.get;
import static io.calm.testing.HttpClients.object;
import static io.calm.testing.HttpClients.text;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonObject;
import java.io.OutputStream;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Contract of clients that connect at once and of clients that hang up. */
interface ConnectionContract extends ScriptedServer {
  @Test
  default void eachOfEightAtOnceGetsItsOwnAnswer() throws Exception {
    ExecutorService clients = Executors.newFixedThreadPool(8);
    try {
      List<Future<String>> answers =
          IntStream.range(0, 8)
              .mapToObj(
                  i ->
                      clients.submit(
                          () ->
                              answer(
                                      PREDICTIONS,
                                      "{'inputs': 'say(%s)|', 'parameters': {'max_tokens': 99}}"
                                          .formatted(word(i)))
                                  .get("generated_text")
                                  .getAsString()))
              .toList();
      for (int i = 0; i < 8; i++) {
        assertEquals(word(i), answers.get(i).get());
      }
    } finally {
      clients.shutdownNow();
    }
  }

  private static String word(int i) {
    return "answer %d ".formatted(i).repeat(1 + i);
  }

  @Test
  default void aClientThatHangsUpEndsItsGeneration() throws Exception {
    URI uri = URI.create(baseUrl());
    String body =
        "{\"inputs\": \"slow(x)|\", \"stream\": true, \"parameters\": {\"max_new_tokens\": 4000}}";
    try (Socket socket = new Socket(uri.getHost(), uri.getPort())) {
      OutputStream out = socket.getOutputStream();
      out.write(
          "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
              .formatted(PREDICTIONS, body.length(), body)
              .getBytes(StandardCharsets.US_ASCII));
      byte[] start = socket.getInputStream().readNBytes(15);
      assertEquals("HTTP/1.1 200 OK", new String(start, StandardCharsets.US_ASCII));
      assertEquals(1, running());
    }
    while (running() > 0) { // 8 s of generation are left; a hang-up that is not seen times out
      Thread.sleep(5);
    }
    String metrics = text(get(baseUrl() + "/calm/metrics"));
    assertTrue(
        metrics.contains(
            "calm_requests_total{model=\"scripted\",variant=\"calm\",outcome=\"cancelled\",}"),
        metrics);
  }

  private int running() throws Exception {
    JsonObject model = object(get(baseUrl() + "/calm/models/scripted"));
    return model.getAsJsonObject("load").get("running").getAsInt();
  }
}
