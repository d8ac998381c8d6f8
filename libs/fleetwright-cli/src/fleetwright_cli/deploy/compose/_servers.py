"""Real servers in containers, as texts of the compose file."""

SHARED = """\
# A server. Loopback only: the password is no secret.
x-server: &server
  restart: unless-stopped
  security_opt:
    - no-new-privileges:true
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
    image: postgres:17.6
    mem_limit: 512m
    environment:
      POSTGRES_USER: fleet
      POSTGRES_PASSWORD: ${{INFRA_PASSWORD:-only-on-this-machine}}
      POSTGRES_DB: postgres
    command: ["postgres", "-c", "max_connections=200", "-c", "jit=off"]
    ports:
      - "127.0.0.1:${{POSTGRES_PORT:-25400}}:5432"
    volumes:
      - postgres-data:/var/lib/postgresql/data{databases}
    healthcheck:
      <<: *look
      test: ["CMD", "pg_isready", "--username", "fleet", "--dbname", "postgres"]
"""
DATABASES = """
      - ./deploy/compose/databases.sql:/docker-entrypoint-initdb.d/databases.sql:ro"""
RABBIT = """\
  rabbit:
    <<: *server{profile}
    image: rabbitmq:4.1.4-management
    hostname: rabbit # its data is kept by this name
    mem_limit: 512m
    environment:
      RABBITMQ_DEFAULT_USER: fleet
      RABBITMQ_DEFAULT_PASS: ${{INFRA_PASSWORD:-only-on-this-machine}}
    ports:
      - "127.0.0.1:${{RABBIT_PORT:-25401}}:5672"
      - "127.0.0.1:${{RABBIT_API_PORT:-25402}}:15672"
    volumes:
      - rabbit-data:/var/lib/rabbitmq
    healthcheck:
      <<: *look
      test: ["CMD", "rabbitmq-diagnostics", "--quiet", "check_port_connectivity"]
"""
KAFKA = """\
  kafka:
    <<: *server{profile}
    image: apache/kafka:4.1.1
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


def servers(used: set[str], *, databases: bool) -> str:
    """Return all servers; those that no service uses start only when asked for.

    Args:
        used: The names of those that services use.
        databases: Whether PostgreSQL makes a database a service at its first start.
    """
    texts = []
    for name, text in SERVERS.items():
        profile = "" if name in used else _PROFILE
        texts.append(
            text.format(profile=profile, databases=DATABASES if databases else "")
        )
    return "\n".join(texts)
