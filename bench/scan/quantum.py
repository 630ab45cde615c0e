"""Samples from quantum laboratories, drawn afresh: no key of anybody's, and none stands in the source.

``QUANTUM`` and ``HONEST`` were written after the rules by the same author and were looked at while the rules were mended.
``FRESH`` and ``FRESH_HONEST`` were written by somebody who had not read the rules, and measured once before any change.
Fields: ``{a32}`` alphanumeric, ``{h40}`` hex, ``{l20}`` lower case, ``{d12}`` digits, ``{b60}`` bits, ``{u}`` UUID, ``{jwt}`` a token.
"""

import random
import re
import string

QUANTUM = (
    ("ibm", 'service = QiskitRuntimeService(\n    channel="ibm_quantum_platform",\n    token="{a44}",\n)'),
    ("ibm", "env:\n  QISKIT_IBM_TOKEN: {a44}\n"),
    ("ibm", "provider = IBMQ.enable_account('{h128}', hub='ibm-q')"),
    ("ibm", 'ibmcloud login --apikey "{a44}"  # IBM_CLOUD_API_KEY={a44}'),
    ("dwave", 'client = Client(endpoint="https://cloud.dwavesys.com/sapi", token="DEV-{h40}")'),
    ("dwave", "[defaults]\ntoken = DEV-{h40}\n"),
    ("ionq", 'service = cirq_ionq.Service(api_key="{a32}")'),
    ("ionq", "export IONQ_API_KEY={a32}"),
    ("ionq", 'os.environ["IONQ_API_KEY"] = "{a32}"'),
    (
        "azure",
        'workspace = Workspace.from_connection_string("SubscriptionId={u};ResourceGroupName=r;WorkspaceName=w;ApiKey={a84};")',
    ),
    ("rigetti", '[credentials.default.token_payload]\naccess_token = "{a43}"\nscope = "openid"'),
    ("iqm", "IQM_TOKEN={a64}"),
    ("iqm", 'IQMProvider("https://resonance.meetiqm.com/", token="{a64}")'),
    ("quantinuum", 'api = QuantinuumAPI(); api.login(user="me", password="{a16}")'),
    ("oqc", 'OQC_PASSWORD="{a20}"'),
    ("pasqal", 'PasqalCloud(username="me@lab.org", password="{a20}", project_id="{u}")'),
    ("xanadu", 'XANADU_CLOUD_REFRESH_TOKEN="{a64}"'),
    ("qbraid", 'provider = QbraidProvider(api_key="{a40}")'),
    ("aqt", 'provider = AQTProvider("{a40}")'),
    ("quandela", 'pcvl.save_token("{a48}")  # quandela'),
    ("bluequbit", "BLUEQUBIT_API_TOKEN={a32}"),
    ("origin", 'QCloudService("{h96}")'),
    ("qctrl", "QCTRL_API_KEY={a48}"),
    ("superstaq", 'SuperstaqProvider(api_key="{a60}")'),
    ("classiq", 'CLASSIQ_REFRESH_TOKEN="{a48}"'),
    ("strangeworks", "strangeworks.authenticate('{a40}')"),
    ("quantum-inspire", 'QUANTUM_INSPIRE_TOKEN="{h40}"'),
    ("alice", 'provider = AliceBobRemoteProvider(api_key="{a44}")'),
    ("planqk", "planqk login -t plqk_{a50}"),
    ("covalent", 'cc.save_api_key("{a44}")'),
    ("bluefors", 'BLUEFORS_API_KEY="{u}"'),
    ("aws", "aws_secret_access_key={a40}"),
    ("scaleway", 'SCW_SECRET_KEY="{u}"'),
    ("mqtt", 'client.username_pw_set(username="cryo", password="{a14}")'),
    ("influx", 'InfluxDBClient(url="http://db:8086", org="lab", token="{a86}==")'),
    ("grafana", "Authorization: Bearer glsa_{a32}_{h8}"),
)
HONEST = (
    'service = QiskitRuntimeService(channel="ibm_cloud", instance="crn:v1:bluemix:public:quantum-computing:us-east:a/{h32}:{u}::")',
    'job = service.job("{l20}")', "qc_digest = '{h64}'", "sha512 = '{h128}'  # of circuit.qpy", 'observable = SparsePauliOp("XXIYZZIX")',
    'device = AwsDevice("arn:aws:braket:eu-north-1::device/qpu/iqm/Garnet")', 'CIRCUIT = "UUlTS0lU{a200}"', 'run_id: {u}',
    'token = getpass.getpass("IonQ key: ")', "IQM_TOKENS_FILE=/home/me/.cache/tokens.json", 'api_key=os.environ["BLUEQUBIT_API_TOKEN"]',
    "qiskit==2.1.0 --hash=sha256:{h64}", 'counts = {{"0110{b60}": 511}}', "password = keyring.get_password('oqc', user)",
    "QCTRL_API_KEY: ${{{{ secrets.QCTRL_API_KEY }}}}", 'provider = AQTProvider("<your token>")', "token ring of {d12} qubits",
    "secret = '{b64}'  # Bernstein-Vazirani hidden bits", "git+https://github.com/rigetti/pyquil@{h40}", 'key = ("q0", "q1", {d3})',
)  # fmt: skip
FRESH = (
    ("ibm", '{{"channel": "ibm_cloud", "url": "https://cloud.ibm.com", "token": "{a44}", "instance": "crn:v1"}}'),
    ("ibm", "QiskitRuntimeService.save_account(overwrite=True, token='{a44}')"),
    ("ibm", "2026-11-02T10:00:01Z INFO POST https://quantum.cloud.ibm.com/api/v1/jobs Authorization: apikey {a44}"),
    ("dwave", 'sampler = DWaveSampler(solver="Advantage2_system1.4", token="DEV-{h40}")'),
    ("dwave", "export DWAVE_API_TOKEN=DEV-{h40}"),
    ("ionq", 'provider = IonQProvider("{a32}")'),
    ("ionq", 'curl -H "Authorization: apiKey {a32}" https://api.ionq.co/v0.3/jobs'),
    ("ionq", "ionq:\n  api_key: {a32}\n"),
    (
        "azure",
        'AZURE_QUANTUM_CONNECTION_STRING="SubscriptionId={u};ResourceGroupName=rg;WorkspaceName=ws;ApiKey={a84};QuantumEndpoint=https://x"',
    ),
    ("rigetti", "[credentials.rigetti.token_payload]\nrefresh_token = '{a43}'\n"),
    ("iqm", 'export IQM_TOKEN="{a64}"'),
    ("iqm", '{{"iqm": {{"server": "https://cocos.resonance.meetiqm.com/garnet", "token": "{a64}"}}}}'),
    ("quantinuum", "QUANTINUUM_PASSWORD={a16}"),
    ("quantinuum", 'qnx.login_with_credentials(user_name="lab@x.org", password="{a16}")  # quantinuum nexus'),
    ("oqc", 'client = OQCClient(url="https://uk.cloud.oqc.app", authentication_token="{a48}")'),
    ("pasqal", "PASQAL_PASSWORD: '{a20}'"),
    ("xanadu", "xcc.Settings(REFRESH_TOKEN='{a64}').save()  # XANADU_CLOUD"),
    ("qbraid", "[default]\nurl = https://api.qbraid.com/api\napi-key = {a40}\n"),
    ("aqt", "AQT_TOKEN={a40}"),
    ("quandela", 'pcvl.RemoteProcessor("qpu:belenos", token="{a48}")  # quandela cloud'),
    ("bluequbit", 'bq = bluequbit.init("{a32}")'),
    ("origin", 'service = QCloudService("{h96}")  # originqc'),
    ("qctrl", 'fireopal.authenticate_qctrl_account(api_key="{a48}")'),
    ("superstaq", "SUPERSTAQ_API_KEY={a60}"),
    ("classiq", "CLASSIQ_ACCESS_TOKEN={jwt}"),
    ("strangeworks", "STRANGEWORKS_API_KEY={a40}"),
    ("quantum-inspire", 'QuantumInspireAPI("https://api.quantum-inspire.com/", TokenAuthentication("{h40}"))'),
    ("alice", 'ALICE_BOB_API_KEY="{a44}"'),
    ("planqk", "PLANQK_PERSONAL_ACCESS_TOKEN=plqk_{a50}"),
    ("covalent", "COVALENT_API_KEY={a44}"),
    ("bluefors", '"bluefors": {{"url": "https://10.0.0.5:49099", "api_key": "{u}"}}'),
    ("aws", 'boto3.client("braket", aws_secret_access_key="{a40}")'),
    ("scaleway", "SCW_SECRET_KEY={u} qiskit-scaleway"),
    ("mqtt", "mosquitto_sub -h cryo -u fridge -P {a14} -t 'bluefors/#' # mqtt password={a14}"),
    ("influx", "INFLUX_TOKEN={a86}=="),
    ("grafana", "GRAFANA_SA_TOKEN=glsa_{a32}_{h8}"),
)
FRESH_HONEST = (
    'backend = service.backend("ibm_torino", instance="crn:v1:bluemix:public:quantum-computing:us-east:a/{h32}:{u}::")',
    "job_id = '{l20}'  # d-wave", 'calibration_set_id = "{u}"', "circuit_hash: {h64}", "seed_simulator={d9}", 'labels = ["XXIZZYIX", "ZIZIXXYY"]',
    "IONQ_API_KEY = os.getenv('IONQ_API_KEY')", "token = input('IBM token: ')", 'api_key = st.secrets["qbraid"]["api_key"]', "# export IQM_TOKEN=<paste here>",
    'counts = {{"{b40}": 12, "{b40}": 3}}', "image: registry/qiskit@sha256:{h64}", 'password=os.environ.get("OQC_PASSWORD", "")', "QCTRL_API_KEY=${{QCTRL_API_KEY}}",
    '"execution_count": 7, "id": "{h8}"', 'device_arn = "arn:aws:braket:us-east-1::device/qpu/ionq/Forte-1"', 'provider = IonQProvider("YOUR_API_KEY")',
    "keyring.set_password('planqk', user, token)", 'tokens_file: /var/lib/iqm/tokens.json', "dwave config create --auto-token", 'qpu_id = "{u}"  # rigetti',
)  # fmt: skip


_FIELD = re.compile(r"(?<!\{)\{(jwt|[ahldbu])(\d*)\}")
_SETS = {
    "a": string.ascii_letters + string.digits, "h": "0123456789abcdef", "l": string.ascii_lowercase, "d": "123456789", "b": "01",
}  # fmt: skip


def drawn(template: str, rng: random.Random) -> str:
    """Return a template with its fields filled."""

    def one(match: "re.Match[str]") -> str:
        kind, length = match[1], match[2]
        if kind == "u":
            return "-".join("".join(rng.choices(_SETS["h"], k=n)) for n in (8, 4, 4, 4, 12))
        if kind == "jwt":
            return f"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ{''.join(rng.choices(_SETS['a'], k=12))}In0.{''.join(rng.choices(_SETS['a'], k=43))}"
        return "".join(rng.choices(_SETS[kind], k=int(length)))

    return _FIELD.sub(one, template).replace("{{", "{").replace("}}", "}")
