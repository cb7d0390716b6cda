"""Rows as the Data API shows them, with every key that recorded ones had."""

from __future__ import annotations

from datetime import datetime

from adapters.lever.sandbox_store import Row, fresh_id

SERVICE_USER = fresh_id("user", "service")
RECRUITERS = tuple(fresh_id("user", n) for n in range(4))
VERDICTS = {1: "1 - Strong No Hire", 2: "2 - No Hire", 3: "3 - Hire", 4: "4 - Strong Hire"}
HIRED = fresh_id("reason", "Hired")


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def user(id: str, name: str, username: str, made: int, role: str = "team member") -> Row:
    return {
        "id": id,
        "name": name,
        "username": username,
        "email": f"{username}@example.com",
        "accessRole": role,
        "photo": None,
        "createdAt": made,
        "deactivatedAt": None,
        "externalDirectoryId": None,
        "linkedContactIds": None,
        "jobTitle": None,
        "managerId": None,
    }


def opportunity(
    id: str,
    *,
    contact: str,
    name: str,
    stage: str,
    changes: list[tuple[str, int, int]],
    made: int,
    seen: int,
    touched: int | None,
    emails: list[str],
    location: str = "",
    archived: Row | None = None,
    tags: list[str] | None = None,
    source: str = "Careers page",
    owner: str = RECRUITERS[0],
    origin: str = "applied",
    consent: Row | None = None,
) -> Row:
    person = {"name": name, "contact": contact, "emails": emails, "location": location, "opportunityLocation": location}
    return {
        "id": id,
        **person,
        **blank(id),
        "stage": stage,
        "archived": archived,
        "tags": tags or [],
        "sources": [source],
        "stageChanges": [{"toStageId": to, "toStageIndex": index, "updatedAt": at} for to, index, at in changes],
        "origin": origin,
        "owner": owner,
        "applications": [fresh_id("application", id)],
        "createdAt": made,
        "updatedAt": touched,
        "lastInteractionAt": seen,
        "lastAdvancedAt": changes[-1][2],
        "dataProtection": consent,
    }


def blank(id: str) -> Row:
    """What every invented opportunity has alike."""
    return {
        "headline": "",
        "confidentiality": "non-confidential",
        "phones": [],
        "links": [],
        "sourcedBy": None,
        "followers": [],
        "snoozedUntil": None,
        "urls": {
            "list": "https://hire.example.com/candidates",
            "show": f"https://hire.example.com/candidates/{id}",
        },
        "isAnonymized": False,
    }


def application(opportunity: str, posting: str, made: int, archived: Row | None) -> Row:
    return {
        "id": fresh_id("application", opportunity),
        "type": "posting",
        "candidateId": opportunity,
        "opportunityId": opportunity,
        "posting": posting,
        "postingHiringManager": None,
        "postingOwner": RECRUITERS[0],
        "name": None,
        "company": None,
        "phone": None,
        "email": None,
        "links": [],
        "comments": None,
        "user": RECRUITERS[0],
        "customQuestions": [{"text": "May we ask?", "fields": [{"text": "Anything else", "value": "PRIVATE ANSWER"}]}],
        "createdAt": made,
        "archived": archived,
        "requisitionForHire": None,
    }


def scorecard(id: str, verdict: str | None, at: int, complete: bool = True) -> Row:
    return {
        "id": id,
        "type": "interview",
        "text": "On-site form",
        "instructions": "",
        "fields": [
            {"type": "score-system", "text": "Overall rating", "description": "", "required": True, "value": verdict},
            {"type": "textarea", "text": "Comments", "description": "", "required": False, "value": "PRIVATE OPINION"},
        ],
        "baseTemplateId": fresh_id("template"),
        "user": RECRUITERS[1],
        "panel": None,
        "interview": None,
        "createdAt": at,
        "updatedAt": at,
        "completedAt": at if complete else None,
        "deletedAt": None,
    }


def interview(id: str, opportunity: str, stage: str, at: int, made: int) -> Row:
    return {
        "id": id,
        "panel": fresh_id("panel", id),
        "subject": "Interview",
        "note": "",
        "interviewers": [{"id": RECRUITERS[1], "name": "Recruiter 1", "email": "recruiter1@example.com"}],
        "timezone": "Europe/London",
        "createdAt": made,
        "date": at,
        "duration": 45,
        "location": None,
        "feedbackTemplate": None,
        "feedbackForms": [],
        "feedbackReminder": "none",
        "user": RECRUITERS[1],
        "stage": stage,
        "canceledAt": None,
        "postings": [],
        "gcalEventUrl": None,
        "opportunityId": opportunity,
    }


def offer(id: str, posting: str | None, status: str, at: int) -> Row:
    signed = {"candidate": {"role": "candidate", "signed": True, "signedAt": at}} if status == "signed" else {}
    return {
        "id": id,
        "posting": posting,
        "createdAt": at,
        "creator": RECRUITERS[0],
        "status": status,
        "fields": [{"text": "Salary", "identifier": "salary_amount", "value": "PRIVATE SUM"}],
        "signatures": signed,
        "approved": None,
        "approvedAt": None,
        "sentAt": at if status != "draft" else None,
        "sentDocument": None,
        "signedDocument": None,
    }
