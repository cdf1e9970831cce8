"""Sends through a local gateway with an official client, unchanged but for its endpoint: send.py NAME ADDRESS right|wrong.

Exits 0 when the client says that the message was taken, 3 when it says that the platform refused it.
"""
import json
import sys

name, address, key = sys.argv[1:]
wrong = "" if key == "right" else "x"
TO, SIGN = "13800000001", "测试签名"


def aliyun():
    from alibabacloud_dysmsapi20170525 import models
    from alibabacloud_dysmsapi20170525.client import Client
    from alibabacloud_tea_openapi.models import Config
    config = Config(access_key_id="testAccessKeyId000001", access_key_secret="testAccessKeySecret000001" + wrong,
                    endpoint=address, protocol="http")
    ask = models.SendSmsRequest(phone_numbers=TO, sign_name=SIGN, template_code="SMS_000000002")
    told = Client(config).send_sms(ask).body
    return told.code == "OK", told.code


def tencent():
    from tencentcloud.common import credential
    from tencentcloud.common.profile.client_profile import ClientProfile
    from tencentcloud.common.profile.http_profile import HttpProfile
    from tencentcloud.sms.v20210111 import models, sms_client
    http = HttpProfile(protocol="http", endpoint=address)
    keys = credential.Credential("testSecretId000001", "testSecretKey000001" + wrong)
    ask = models.SendSmsRequest()
    ask.SmsSdkAppId, ask.SignName, ask.TemplateId = "1400000001", SIGN, "1000002"
    ask.PhoneNumberSet = ["+86" + TO]
    told = sms_client.SmsClient(keys, "ap-guangzhou", ClientProfile(httpProfile=http)).SendSms(ask).SendStatusSet[0]
    return told.Code == "Ok", told.Code


def volcengine():
    from volcengine.sms.SmsService import SmsService
    client = SmsService()
    client.set_ak("testAccessKeyId000001")
    client.set_sk("testSecretAccessKey000001" + wrong)
    client.set_host(address)
    client.set_scheme("http")
    told = client.send_sms(json.dumps({"SmsAccount": "7000000a", "Sign": SIGN, "TemplateID": "ST_00000002",
                                       "TemplateParam": "{}", "PhoneNumbers": TO, "Tag": "t"}))
    told = told if isinstance(told, dict) else json.loads(told)
    return bool(told.get("Result", {}).get("MessageID")), str(told["ResponseMetadata"].get("Error"))


def baidu():
    from baidubce.auth.bce_credentials import BceCredentials
    from baidubce.bce_client_configuration import BceClientConfiguration
    from baidubce.services.sms.sms_client import SmsClient
    keys = BceCredentials("testAccessKeyId000001", "testSecretAccessKey000001" + wrong)
    client = SmsClient(BceClientConfiguration(credentials=keys, endpoint="http://" + address))
    told = client.send_message("sms-signTest00000001", "sms-tmpl-Test00000003", TO, {})
    return told.code == "1000", told.code


def ucloud():
    from ucloud.client import Client
    client = Client({"public_key": "FAKEpublic/key+dev==", "private_key": "FAKEprivate0key0dev" + wrong,
                     "project_id": "org-fakedev", "base_url": "http://" + address})
    told = client.usms().send_usms_message({"PhoneNumbers": [TO], "SigContent": SIGN, "TemplateId": "UTAfake0002"})
    # A RetCode that is not 0 is raised.
    return bool(told["SessionNo"]), ""


def qiniu():
    from qiniu import QiniuMacAuth, Sms
    client = Sms(QiniuMacAuth("FAKE-QINIU-AK-dev", "FAKE-QINIU-SK-dev" + wrong))
    client.server = "http://" + address
    told, info = client.sendMessage("1000000000000000002", [TO], {})
    return bool(told and told.get("job_id")), str(info.status_code)


def jdcloud():
    from jdcloud_sdk.core.config import Config
    from jdcloud_sdk.core.credential import Credential
    from jdcloud_sdk.core.logger import Logger
    from jdcloud_sdk.services.sms.apis.BatchSendRequest import BatchSendParameters, BatchSendRequest
    from jdcloud_sdk.services.sms.client.SmsClient import SmsClient
    keys = Credential("FAKEJDAKDEV0000000000000000", "FAKEJDSKDEV0000000000000000" + wrong)
    client = SmsClient(keys, Config(address, "http"), Logger(0))
    told = client.send(BatchSendRequest(BatchSendParameters("cn-north-1", "mb_fake0002", "qm_fake0001", [TO])))
    return bool(told.result and told.result["status"]), str(told.error and told.error.code)


try:
    taken, word = {f.__name__: f for f in (aliyun, tencent, volcengine, baidu, ucloud, qiniu, jdcloud)}[name]()
except (ImportError, AttributeError, TypeError, KeyError, NameError):
    raise
except Exception as refusal:
    # The client's own word for a refusal by the platform.
    taken, word = False, f"{type(refusal).__name__}: {refusal}"
print(name, key, "taken" if taken else "refused", "" if taken else word[:160].replace("\n", " "))
sys.exit(0 if taken else 3)
