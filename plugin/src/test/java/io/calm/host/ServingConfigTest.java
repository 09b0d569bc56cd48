package io.calm.host;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.calm.serving.http.Route;
import io.calm.settings.CalmSettings;
import io.calm.settings.SettingKey;
import io.calm.settings.SettingKeys;
import io.calm.testing.Repository;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.PersistentVolumeClaim;
import io.fabric8.kubernetes.api.model.PodSpec;
import io.fabric8.kubernetes.api.model.Probe;
import io.fabric8.kubernetes.api.model.Service;
import io.fabric8.kubernetes.api.model.apps.Deployment;
import io.fabric8.kubernetes.api.model.autoscaling.v2.HorizontalPodAutoscaler;
import io.fabric8.kubernetes.api.model.autoscaling.v2.MetricSpec;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.openshift.api.model.monitoring.v1.PodMetricsEndpoint;
import io.fabric8.openshift.api.model.monitoring.v1.PodMonitor;
import io.netty.handler.codec.http.HttpMethod;
import java.io.IOException;
import java.io.StringReader;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.yaml.snakeyaml.Yaml;

/** The files of serving-config against the settings, routes and metrics, and each other. */
class ServingConfigTest {
  private static final Path ROOT = Repository.path("serving-config");
  private static final Map<String, Class<?>> KINDS =
      Map.of(
          "v1/ConfigMap", ConfigMap.class,
          "v1/PersistentVolumeClaim", PersistentVolumeClaim.class,
          "v1/Service", Service.class,
          "apps/v1/Deployment", Deployment.class,
          "batch/v1/Job", Job.class,
          "monitoring.coreos.com/v1/PodMonitor", PodMonitor.class,
          "keda.sh/v1alpha1/ScaledObject", ScaledObject.class,
          "autoscaling/v2/HorizontalPodAutoscaler", HorizontalPodAutoscaler.class);
  private static final Pattern VARIABLE = Pattern.compile("\\bOPTION_CALM_[A-Z_]+");
  private static final Pattern ALERT = Pattern.compile("- alert: (\\w+)");
  private static final Pattern RUNBOOK =
      Pattern.compile("runbook: docs/how-to/operate\\.md#(\\S+)");

  private static List<Path> files(String suffix) throws IOException {
    try (Stream<Path> found = Files.walk(ROOT)) {
      return found.filter(file -> file.toString().endsWith(suffix)).sorted().toList();
    }
  }

  private static Map<String, String> properties(String text) throws IOException {
    Properties read = new Properties();
    read.load(new StringReader(text));
    Map<String, String> properties = new HashMap<>();
    read.stringPropertyNames().forEach(key -> properties.put(key, read.getProperty(key)));
    return properties;
  }

  private static Object object(Object document) {
    Map<?, ?> fields = (Map<?, ?>) document;
    Class<?> kind = KINDS.get(fields.get("apiVersion") + "/" + fields.get("kind"));
    assertTrue(kind != null, () -> "unexpected kind of object: " + fields);
    return new ObjectMapper().convertValue(document, kind);
  }

  private static List<Object> objects() throws IOException {
    List<Object> objects = new ArrayList<>();
    for (Path file : files(".yaml")) {
      if (file.getParent().endsWith("kubernetes")) {
        new Yaml().loadAll(Files.readString(file)).forEach(each -> objects.add(object(each)));
      }
    }
    return objects;
  }

  private static <T> T only(Class<T> kind) throws IOException {
    List<T> found = objects().stream().filter(kind::isInstance).map(kind::cast).toList();
    assertEquals(1, found.size(), kind.getSimpleName());
    return found.get(0);
  }

  /** Collects the fields that Kubernetes does not know. */
  private static void unknown(String path, Object object, List<String> found) {
    if (object instanceof Collection<?> elements) {
      elements.forEach(element -> unknown(path + "[]", element, found));
    } else if (object != null
        && object.getClass().getName().startsWith("io.fabric8")
        && !object.getClass().isEnum()) {
      for (Method getter : object.getClass().getMethods()) {
        if (getter.getName().startsWith("get") && getter.getParameterCount() == 0) {
          Object value = value(getter, object);
          if (getter.getName().equals("getAdditionalProperties")) {
            ((Map<?, ?>) value).keySet().forEach(key -> found.add(path + "." + key));
          } else if (!getter.getName().equals("getClass")) {
            unknown(path + "." + getter.getName().substring(3), value, found);
          }
        }
      }
    }
  }

  private static Object value(Method getter, Object object) {
    try {
      return getter.invoke(object);
    } catch (ReflectiveOperationException e) {
      throw new LinkageError(getter.toString(), e);
    }
  }

  @Test
  void kubernetesKnowsEveryField() throws IOException {
    List<String> found = new ArrayList<>();
    List<Object> objects = objects();
    objects.forEach(object -> unknown(object.getClass().getSimpleName(), object, found));
    assertEquals(KINDS.size(), objects.size());
    assertEquals(List.of(), found);
  }

  @Test
  void theModelsHaveKnownSettingsWithAllowedValues() throws IOException {
    List<String> models =
        new ArrayList<>(List.of(only(ConfigMap.class).getData().get("model.properties")));
    for (Path file : files("model.properties")) {
      models.add(Files.readString(file));
    }
    assertEquals(3, models.size());
    for (String model : models) {
      assertEquals(true, CalmSettings.of(properties(model), Map.of()).loading().enabled(), model);
    }
  }

  @Test
  void theEnvironmentHasKnownSettings() throws IOException {
    Set<String> known =
        SettingKeys.all().values().stream()
            .map(SettingKey::environmentVariable)
            .collect(Collectors.toSet());
    int count = 0;
    for (Path file : files(".yaml")) {
      Matcher variable = VARIABLE.matcher(Files.readString(file));
      while (variable.find()) {
        count++;
        assertTrue(known.contains(variable.group()), () -> file + ": " + variable.group());
      }
    }
    assertTrue(count >= 3, "compose, Job and Deployment set the cache, got " + count);
  }

  @Test
  void theProbesAskRoutesOfTheServer() throws IOException {
    Container container = pod().getContainers().get(0);
    List<Probe> probes =
        List.of(
            container.getStartupProbe(),
            container.getLivenessProbe(),
            container.getReadinessProbe());
    for (Probe probe : probes) {
      String path = probe.getHttpGet().getPath();
      assertTrue(Route.of(HttpMethod.GET, path).isPresent(), path);
      assertEquals("http", probe.getHttpGet().getPort().getStrVal());
    }
  }

  private static PodSpec pod() throws IOException {
    return only(Deployment.class).getSpec().getTemplate().getSpec();
  }

  @Test
  void thePortIsTheSameEverywhere() throws IOException {
    assertEquals(8080, pod().getContainers().get(0).getPorts().get(0).getContainerPort());
    assertEquals(8080, only(Service.class).getSpec().getPorts().get(0).getPort());
    List<String> configs = List.of("config.properties", "compose.properties");
    List<String> servers =
        new ArrayList<>(List.of(only(ConfigMap.class).getData().get("config.properties")));
    for (String config : configs) {
      servers.add(Files.readString(ROOT.resolve(config)));
    }
    for (String server : servers) {
      Map<String, String> settings = properties(server);
      String address = settings.get("inference_address");
      assertEquals(settings.get("management_address"), address);
      assertTrue(address.endsWith(":8080"), address);
      assertEquals("false", settings.get("wait_model_loading"));
      assertEquals("429", settings.get("throttle_error_http_code"));
    }
    assertTrue(Files.readString(ROOT.resolve("Dockerfile")).contains("\nEXPOSE 8080\n"));
    assertTrue(Files.readString(ROOT.resolve("compose.yaml")).contains("127.0.0.1:8080:8080"));
    assertTrue(
        Files.readString(ROOT.resolve("prometheus/prometheus.yml")).contains("127.0.0.1:8080"));
  }

  @Test
  void theAutoscalerReadsADocumentedMetric() throws IOException {
    assertIsDocumentedGauge(autoscaled().getPods().getMetric().getName());
  }

  private static MetricSpec autoscaled() throws IOException {
    return only(HorizontalPodAutoscaler.class).getSpec().getMetrics().get(0);
  }

  private static void assertIsDocumentedGauge(String metric) throws IOException {
    String table = Files.readString(Repository.path("docs/reference/metrics.md"));
    assertTrue(table.contains("| `" + metric + "` | gauge |"), metric);
  }

  @Test
  void kedaScalesTheDeploymentAsTheAutoscalerDoes() throws IOException {
    ScaledObject.Spec keda = only(ScaledObject.class).spec();
    var autoscaler = only(HorizontalPodAutoscaler.class).getSpec();
    Deployment target = only(Deployment.class);
    assertEquals(
        new ScaledObject.Target(
            target.getApiVersion(), target.getKind(), target.getMetadata().getName(), null),
        keda.scaleTargetRef());
    assertEquals(autoscaler.getMinReplicas(), keda.minReplicaCount());
    assertEquals(autoscaler.getMaxReplicas(), keda.maxReplicaCount());
    int fallback = keda.fallback().replicas();
    assertTrue(keda.minReplicaCount() <= fallback && fallback <= keda.maxReplicaCount());
    assertEquals(1, keda.triggers().size());
    ScaledObject.Trigger trigger = keda.triggers().get(0);
    assertEquals("prometheus", trigger.type());
    assertEquals("AverageValue", trigger.metricType(), "fallback needs it");
    assertEquals(Set.of("serverAddress", "query", "threshold"), trigger.metadata().keySet());
    trigger
        .metadata()
        .forEach((key, value) -> assertTrue(value instanceof String, key + " is no string"));
    assertEquals(
        autoscaled().getPods().getTarget().getAverageValue().toString(),
        trigger.metadata().get("threshold"));
    Matcher query =
        Pattern.compile("sum\\((calm_\\w+)\\{namespace=\"\\w+\"}\\)")
            .matcher(String.valueOf(trigger.metadata().get("query")));
    assertTrue(query.matches(), () -> trigger.metadata().toString());
    assertEquals(autoscaled().getPods().getMetric().getName(), query.group(1));
  }

  @Test
  void theMonitorSelectsThePodsAndTheirMetrics() throws IOException {
    var monitor = only(PodMonitor.class).getSpec();
    var pods = only(Deployment.class).getSpec().getTemplate();
    Map<String, String> labels = monitor.getSelector().getMatchLabels();
    assertFalse(labels.isEmpty());
    assertTrue(pods.getMetadata().getLabels().entrySet().containsAll(labels.entrySet()));
    PodMetricsEndpoint endpoint = monitor.getPodMetricsEndpoints().get(0);
    assertEquals(
        pods.getSpec().getContainers().get(0).getPorts().get(0).getName(), endpoint.getPort());
    assertEquals(pods.getMetadata().getAnnotations().get("prometheus.io/path"), endpoint.getPath());
    assertEquals(
        Optional.of(Route.CALM_METRICS),
        Route.of(HttpMethod.GET, endpoint.getPath()).map(Route.Match::route));
  }

  @Test
  void theGracePeriodOutlastsTheDrain() throws IOException {
    Map<String, String> model = properties(only(ConfigMap.class).getData().get("model.properties"));
    long grace = pod().getTerminationGracePeriodSeconds();
    assertTrue(grace > Long.parseLong(model.get("calm.drain-timeout")), "grace period " + grace);
  }

  @Test
  void everyAlertHasASectionInTheGuide() throws IOException {
    String rules = Files.readString(ROOT.resolve("prometheus/alerts.yml"));
    Set<String> sections =
        Files.readAllLines(Repository.path("docs/how-to/operate.md")).stream()
            .filter(line -> line.startsWith("### "))
            .map(line -> line.substring(4).toLowerCase(Locale.ROOT).replace(' ', '-'))
            .collect(Collectors.toSet());
    Set<String> alerts = new TreeSet<>();
    ALERT
        .matcher(rules)
        .results()
        .map(alert -> alert.group(1).replaceAll("(?<=[a-z])(?=[A-Z])", "-"))
        .forEach(alert -> alerts.add(alert.toLowerCase(Locale.ROOT)));
    Set<String> runbooks = new TreeSet<>();
    RUNBOOK.matcher(rules).results().forEach(link -> runbooks.add(link.group(1).replace("\"", "")));
    assertFalse(alerts.isEmpty());
    assertEquals(alerts, runbooks);
    assertTrue(sections.containsAll(alerts), () -> sections + " lacks some of " + alerts);
  }
}
