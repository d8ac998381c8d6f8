"""Real servers in containers, as texts of the compose file."""

SHARED = """\
# A server, with as few rights as a service. Loopback only: the password is no secret.
x-server: &server
  restart: unless-stopped
  user: "999:999"
  read_only: true
  tmpfs:
    - /tmp:mode=1777,nosuid,nodev,noexec,size=64m
  cap_drop:
    - ALL
  security_opt:
    - no-new-privileges:true
  cpus: 1.0
  pids_limit: 1024
  stop_grace_period: 30s

x-look: &look
  interval: 5s
  timeout: 10s
  retries: 20
  start_period: 10s
"""
POSTGRES = """\
  postgres:
    <<: *server{profile}
    image: ${{POSTGRES_IMAGE:-postgres:17.6}}
    mem_limit: 512m
    tmpfs:
      - /tmp:mode=1777,nosuid,nodev,noexec,size=64m
      - /var/run/postgresql:uid=999,gid=999,mode=1777,nosuid,nodev,noexec,size=1m
    stop_signal: SIGINT # ends sessions; SIGTERM waits for them
    environment:
      POSTGRES_USER: fleet
      POSTGRES_PASSWORD: ${{INFRA_PASSWORD:-only-on-this-machine}}
      POSTGRES_DB: postgres
    command: ["postgres", "-c", "max_connections=200", "-c", "jit=off"]
    ports:
      - "127.0.0.1:${{POSTGRES_PORT:-25400}}:5432"
    volumes:
      - postgres-data:/var/lib/postgresql/data
    healthcheck:
      <<: *look
      test: ["CMD", "pg_isready", "--username", "fleet", "--dbname", "postgres"]
"""
RABBIT = """\
  rabbit:
    <<: *server{profile}
    image: ${{RABBIT_IMAGE:-rabbitmq:4.1.4-management}}
    hostname: rabbit # its data is kept by this name
    mem_limit: 512m
    environment:
      RABBITMQ_DEFAULT_USER: fleet
      RABBITMQ_DEFAULT_PASS: ${{INFRA_PASSWORD:-only-on-this-machine}}
      # It sees the machine's memory, not mem_limit: publishers wait before that.
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: >-
        -rabbit vm_memory_high_watermark {{absolute,335544320}}
    ports:
      - "127.0.0.1:${{RABBIT_PORT:-25401}}:5672"
      - "127.0.0.1:${{RABBIT_API_PORT:-25402}}:15672"
    volumes:
      - rabbit-data:/var/lib/rabbitmq
    healthcheck:
      <<: *look
      interval: 10s # each starts a virtual machine of Erlang
      timeout: 30s
      test: ["CMD", "rabbitmq-diagnostics", "--quiet", "check_port_connectivity"]
"""
KAFKA = """\
  kafka:
    <<: *server{profile}
    image: apache/kafka:4.1.1
    user: "1000:1000"
    read_only: false # it writes its settings into itself
    mem_limit: 1g
    environment:
      KAFKA_HEAP_OPTS: -Xms256m -Xmx512m
      KAFKA_NODE_ID: "1"
      KAFKA_PROCESS_ROLES: broker,controller
      KAFKA_CONTROLLER_QUORUM_VOTERS: 1@localhost:9093
      KAFKA_CONTROLLER_LISTENER_NAMES: CONTROLLER
      KAFKA_INTER_BROKER_LISTENER_NAME: INSIDE
      KAFKA_LISTENERS: OUTSIDE://:9092,INSIDE://:19092,CONTROLLER://:9093
      KAFKA_ADVERTISED_LISTENERS: >-
        OUTSIDE://127.0.0.1:${{KAFKA_PORT:-25405}},INSIDE://kafka:19092
      KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: >-
        OUTSIDE:PLAINTEXT,INSIDE:PLAINTEXT,CONTROLLER:PLAINTEXT
      KAFKA_AUTO_CREATE_TOPICS_ENABLE: "false"
      KAFKA_NUM_PARTITIONS: "16"
      KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: "1"
      KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: "1"
      KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: "1"
      KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: "0"
      KAFKA_LOG_DIRS: /var/lib/kafka/data
    ports:
      - "127.0.0.1:${{KAFKA_PORT:-25405}}:9092"
    volumes:
      - kafka-data:/var/lib/kafka/data
    healthcheck:
      <<: *look
      test:
        - CMD
        - /opt/kafka/bin/kafka-broker-api-versions.sh
        - --bootstrap-server
        - localhost:19092
"""
SERVERS = {"postgres": POSTGRES, "rabbit": RABBIT, "kafka": KAFKA}
_PROFILE = """
    profiles:
      - infra"""


def servers(used: set[str]) -> str:
    """Return all servers; those that no service uses start only when asked for.

    Args:
        used: The names of those that services use.
    """
    texts = []
    for name, text in SERVERS.items():
        profile = "" if name in used else _PROFILE
        texts.append(text.format(profile=profile))
    return "\n".join(texts)
